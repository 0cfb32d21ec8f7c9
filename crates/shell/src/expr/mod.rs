//! Expressions: numbers, symbols, C's operators, casts, members, `sizeof`.

mod token;

use necropsy_base::VirtAddr;
use necropsy_kernel::globals;

use crate::ctype::{CType, Place, View};
use crate::similar::What;
use crate::{CommandError, Context, number};
use token::{Token, tokens};

/// What a bare name and a bare number mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As in C: a name is a variable, a number decimal.
    C,
    /// As where crash wants an address: a name is its address, a number hexadecimal.
    Address,
    /// As for `eval`: numbers are decimal unless they cannot be, `K`, `M`, `G` multiply.
    Count,
}

/// What an expression comes to.
#[derive(Clone)]
pub enum Operand {
    /// Something in memory.
    Place(Place),
    /// A number, with its type if a cast or a pointer gave it one.
    Number(u64, Option<CType>),
}

type Result<T> = std::result::Result<T, CommandError>;

fn failed<T>(text: impl Into<String>) -> Result<T> {
    Err(CommandError::Failed(text.into()))
}

/// What `text` comes to.
pub fn evaluate(cx: &Context, text: &str, mode: Mode) -> Result<Operand> {
    let whole = |word: &str| cx.symbol(word).is_some();
    let tokens = tokens(text, &whole).map_err(CommandError::Failed)?;
    let mut parser = Parser { cx, mode, tokens, at: 0, depth: 0 };
    let value = parser.binary(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(value),
        Some(_) => failed(format!("cannot read all of \"{text}\"")),
    }
}

/// What `text` comes to, as a number.
pub fn number_of(cx: &Context, text: &str, mode: Mode) -> Result<u64> {
    let value = evaluate(cx, text, mode)?;
    Ok(Parser::new(cx, mode).value(&value)?.0)
}

struct Parser<'c> {
    cx: &'c Context,
    mode: Mode,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/", "%"]];
/// Brackets within brackets.
const MAX_DEPTH: usize = 64;

impl<'c> Parser<'c> {
    fn new(cx: &'c Context, mode: Mode) -> Self {
        Parser { cx, mode, tokens: Vec::new(), at: 0, depth: 0 }
    }

    fn sign(&mut self, any: &[&'static str]) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(s)) if any.contains(s) => {
                self.at += 1;
                Some(s)
            }
            _ => None,
        }
    }

    fn need(&mut self, sign: &'static str) -> Result<()> {
        match self.sign(&[sign]) {
            Some(_) => Ok(()),
            None => failed(format!("\"{sign}\" is missing in the expression")),
        }
    }

    fn word(&mut self) -> Option<String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(w)) => {
                self.at += 1;
                Some(w.clone())
            }
            _ => None,
        }
    }

    fn binary(&mut self, level: usize) -> Result<Operand> {
        let Some(signs) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = self.sign(signs) {
            let right = self.binary(level + 1)?;
            left = self.apply(sign, &left, &right)?;
        }
        Ok(left)
    }

    fn apply(&self, sign: &str, left: &Operand, right: &Operand) -> Result<Operand> {
        let ((a, pointer), (b, _)) = (self.value(left)?, self.value(right)?);
        let step = match &pointer {
            Some(ty) if matches!(sign, "+" | "-") => match ty.view()? {
                View::Pointer(to) => to.size(&self.cx.target).unwrap_or(1),
                _ => 1,
            },
            _ => 1,
        };
        let b = b.wrapping_mul(step);
        let result = match sign {
            "+" => Some(a.wrapping_add(b)),
            "-" => Some(a.wrapping_sub(b)),
            "*" => Some(a.wrapping_mul(b)),
            "/" => a.checked_div(b),
            "%" => a.checked_rem(b),
            "<<" => Some(u32::try_from(b).ok().and_then(|n| a.checked_shl(n)).unwrap_or(0)),
            ">>" => Some(u32::try_from(b).ok().and_then(|n| a.checked_shr(n)).unwrap_or(0)),
            "&" => Some(a & b),
            "^" => Some(a ^ b),
            _ => Some(a | b),
        };
        match result {
            Some(n) => Ok(Operand::Number(n, pointer.filter(|_| matches!(sign, "+" | "-")))),
            None => failed("division by zero"),
        }
    }

    /// The number an operand stands for: what lies at a place, the address of an array.
    fn value(&self, operand: &Operand) -> Result<(u64, Option<CType>)> {
        match operand {
            Operand::Number(n, ty) => Ok((*n, ty.clone())),
            Operand::Place(place) => match place.ty.view()? {
                View::Array(elem, _) => Ok((place.at.0, Some(elem.pointer()))),
                View::Plain(necropsy_debuginfo::Type::Struct { .. }) => {
                    failed(format!("{} is not a number; take a member or its address (&)", place.ty.name()))
                }
                View::Pointer(_) => Ok((place.number(&self.cx.target)? as u64, Some(place.ty.clone()))),
                View::Plain(_) => Ok((place.number(&self.cx.target)? as u64, None)),
            },
        }
    }

    fn unary(&mut self) -> Result<Operand> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return failed("expression nested too deeply");
        }
        let sign = self.sign(&["-", "~", "!", "*", "&", "+"]);
        let found = match sign {
            None => match self.cast()? {
                Some(ty) => {
                    let inner = self.unary()?;
                    Ok(Operand::Number(self.value(&inner)?.0, Some(ty)))
                }
                None => self.postfix(),
            },
            Some("&") => self.address_of(),
            Some(sign) => {
                let inner = self.unary()?;
                self.prefix(sign, inner)
            }
        };
        self.depth -= 1;
        found
    }

    /// `&name` has a value even when the variable's type is unknown: it is about to be cast.
    fn address_of(&mut self) -> Result<Operand> {
        let start = self.at;
        let failed = match self.unary() {
            Ok(inner) => return self.prefix("&", inner),
            Err(e) => e,
        };
        self.at = start;
        let address = self.word().and_then(|w| self.cx.symbol(&w));
        address.map(|at| Operand::Number(at.0, None)).ok_or(failed)
    }

    fn prefix(&self, sign: &str, inner: Operand) -> Result<Operand> {
        match sign {
            "*" => self.follow(&inner).map(Operand::Place),
            "&" => match inner {
                Operand::Place(p) => Ok(Operand::Number(p.at.0, Some(p.ty.pointer()))),
                // In address mode a name is its address already.
                number if self.mode != Mode::C => Ok(number),
                Operand::Number(..) => failed("a number has no address"),
            },
            sign => {
                let (n, ty) = self.value(&inner)?;
                Ok(match sign {
                    "-" => Operand::Number(n.wrapping_neg(), None),
                    "~" => Operand::Number(!n, None),
                    "!" => Operand::Number(u64::from(n == 0), None),
                    _ => Operand::Number(n, ty),
                })
            }
        }
    }

    /// What a pointer points to.
    fn follow(&self, pointer: &Operand) -> Result<Place> {
        let (at, ty) = self.value(pointer)?;
        let Some(ty) = ty else {
            return failed("what it points to is unknown: cast it, as in *(struct list_head *)ADDRESS");
        };
        match ty.view()? {
            View::Pointer(to) => Ok(Place::new(to, VirtAddr(at))),
            _ => failed(format!("{} is no pointer", ty.name())),
        }
    }

    /// `(type)`, if that is what comes next.
    fn cast(&mut self) -> Result<Option<CType>> {
        let start = self.at;
        if self.sign(&["("]).is_some()
            && let Some(ty) = self.type_name()
            && self.sign(&[")"]).is_some()
        {
            return Ok(Some(ty));
        }
        self.at = start;
        // Nothing but a type begins so.
        match self.tokens.get(start..).unwrap_or_default() {
            [Token::Sign("("), Token::Word(tag), Token::Word(name), ..]
                if matches!(tag.as_str(), "struct" | "union" | "enum") =>
            {
                match self.cx.target.type_named(&format!("{tag} {name}")) {
                    Some(_) => Ok(None),
                    None => Err(CommandError::no_type(name)),
                }
            }
            _ => Ok(None),
        }
    }

    fn type_name(&mut self) -> Option<CType> {
        let mut text = String::new();
        while let Some(word) = self.word() {
            text += &word;
            text.push(' ');
        }
        while self.sign(&["*"]).is_some() {
            text.push('*');
        }
        CType::parse(&self.cx.target, &text)
    }

    fn postfix(&mut self) -> Result<Operand> {
        let mut value = self.primary()?;
        while let Some(sign) = self.sign(&[".", "->", "["]) {
            value = match sign {
                "[" => {
                    let index = self.binary(0)?;
                    self.need("]")?;
                    let sum = self.apply("+", &value, &index)?;
                    Operand::Place(self.follow(&sum)?)
                }
                sign => {
                    let Some(member) = self.word() else {
                        return failed(format!("a member's name is missing after \"{sign}\""));
                    };
                    Operand::Place(self.structure(&value)?.member(&member)?)
                }
            };
        }
        Ok(value)
    }

    /// The struct that a member is wanted of; gdb too lets `.` and `->` stand for each other.
    fn structure(&self, of: &Operand) -> Result<Place> {
        match of {
            Operand::Place(p) if matches!(p.ty.view()?, View::Plain(_)) => Ok(p.clone()),
            other => self.follow(other),
        }
    }

    fn primary(&mut self) -> Result<Operand> {
        if self.sign(&["("]).is_some() {
            let inner = self.binary(0)?;
            self.need(")")?;
            return Ok(inner);
        }
        match self.word() {
            Some(word) if word == "sizeof" => self.size_of(),
            Some(word) => self.name(&word),
            None => failed("the expression ends too early"),
        }
    }

    fn size_of(&mut self) -> Result<Operand> {
        let size = match self.cast()? {
            Some(ty) => ty.size(&self.cx.target)?,
            None => match self.unary()? {
                Operand::Place(p) => p.ty.size(&self.cx.target)?,
                Operand::Number(_, Some(ty)) => ty.size(&self.cx.target)?,
                Operand::Number(_, None) => 8,
            },
        };
        Ok(Operand::Number(size, None))
    }

    fn name(&self, word: &str) -> Result<Operand> {
        if self.mode != Mode::C {
            return self.address(word);
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return match number::count(word.trim_end_matches(['u', 'l', 'U', 'L'])) {
                Some(n) => Ok(Operand::Number(n, None)),
                None => failed(format!("{word} is no number")),
            };
        }
        variable(self.cx, word)
    }

    fn address(&self, word: &str) -> Result<Operand> {
        // After an operator a number is an offset, which crash takes as decimal.
        let offset = self.at > 1 && matches!(self.tokens.get(self.at - 2), Some(Token::Sign("+" | "-")));
        let number = match self.mode {
            Mode::Count => scaled(word),
            _ if offset => number::count(word),
            _ => number::address(word),
        };
        // No symbol begins with a digit; to look for one would read the modules.
        let digit = word.starts_with(|c: char| c.is_ascii_digit());
        let symbol = number.filter(|_| digit).is_none().then(|| self.cx.symbol(word)).flatten();
        match symbol.map(|at| at.0).or(number) {
            Some(n) => Ok(Operand::Number(n, None)),
            None => Err(CommandError::unknown(What::Symbol, word, format!("symbol not found: {word}"))),
        }
    }
}

/// A number with an optional `K`, `M` or `G`.
fn scaled(word: &str) -> Option<u64> {
    let plain = word.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
    let shift = match word.get(plain.len()..)? {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return None,
    };
    number::count(plain)?.checked_mul(1 << shift)
}

/// A variable of the kernel with its type.
fn variable(cx: &Context, name: &str) -> Result<Operand> {
    let t = &cx.target;
    let Some(at) = cx.symbol(name) else {
        let message = format!("no symbol \"{name}\" in this kernel or its modules");
        return Err(CommandError::unknown(What::Symbol, name, message));
    };
    let typed = globals::type_of(name).and_then(|text| CType::parse(t, text));
    let described = || t.global_type(name, at).map(CType::of);
    match typed.or_else(|| t.percpu_type(name).map(CType::of)).or_else(described) {
        Some(ty) => Ok(Operand::Place(Place::new(ty, at))),
        None if t.is_text(at) => Ok(Operand::Number(at.0, CType::parse(t, "void *"))),
        None => failed(format!(
            "\"{name}\" at {:x} has unknown type (the dump's BTF has no types of variables); cast it, as in \
             p *(struct list_head *)&{name} or p *(unsigned long *)&{name}",
            at.0
        )),
    }
}
