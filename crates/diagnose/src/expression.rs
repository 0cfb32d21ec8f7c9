//! A value as the source would write it: `req->ctx->ops`.
//!
//! The types come from where they are known: the function's own prototype (BTF of the kernel or the module; DWARF if there is
//! any), the prototype of the operations table through which it was called, what its caller passed, and the cache of the
//! slab object that a pointer leads to, when it is named like a struct. What has no type stays an address.

use necropsy_arch::MemOperand;
use necropsy_base::VirtAddr;
use necropsy_debuginfo::{Kind, Type, Types};
use necropsy_kernel::slab;
use necropsy_target::unwind::{self, Stack};
use necropsy_target::{Target, TypeRef};

use crate::code::{self, Trace};
use crate::term::{How, Term};

/// How many callers are asked what they passed.
const MAX_CALLERS: usize = 4;

/// A value in the words of the source.
#[derive(Clone)]
pub struct Expression {
    /// `req->ctx`, `find_it()`; `*(req + 0x18)` where a type is missing.
    pub text: String,
    /// What it points to, if that is known.
    pub to: Option<TypeRef>,
    /// The last step: the struct and the offset of the member that was read.
    pub member: Option<(String, u64)>,
    /// Whether every step has its type.
    pub typed: bool,
}

/// Names values of one frame of a stack.
pub struct Namer<'s> {
    t: &'s Target,
    stack: &'s Stack,
    /// The frame whose values are named.
    frame: usize,
    left: usize,
}

impl<'s> Namer<'s> {
    /// For a frame.
    pub fn new(t: &'s Target, stack: &'s Stack, frame: usize) -> Namer<'s> {
        Namer { t, stack, frame, left: MAX_CALLERS }
    }

    /// The place that an operand names, as the source writes it: `p->ops->flags`.
    pub fn operand(&self, trace: &Trace<'_>, mem: &MemOperand) -> Option<Expression> {
        let at = trace.operand_term(mem)?;
        let read = self.name(&Term { how: How::Load(Box::new(at), mem.size), value: None });
        Some(read).filter(|e| e.typed)
    }

    /// The value that a register has at the trace's instruction.
    pub fn register(&self, trace: &Trace<'_>, reg: usize) -> Option<Expression> {
        Some(self.name(&trace.term(reg)?)).filter(|e| e.typed)
    }

    /// The function pointer that this frame called.
    pub fn called(&self, trace: &Trace<'_>) -> Option<Expression> {
        Some(self.name(&trace.called_term()?)).filter(|e| e.typed)
    }

    /// A term in words.
    pub fn name(&self, term: &Term) -> Expression {
        let found = match &term.how {
            How::Argument(n) => self.argument(*n),
            How::Address(at) => self.variable(*at),
            How::PerCpu(offset) => self.percpu(*offset),
            How::Result(by) => self.result(*by),
            How::Load(from, size) => self.loaded(from, *size),
            How::Plus(base, by) => self.part(base, *by),
        };
        if found.to.is_some() { found } else { self.by_cache(term.value, found) }
    }

    fn argument(&self, n: usize) -> Expression {
        let fallback = plain(format!("argument {}", n + 1));
        self.parameter(n).or_else(|| self.passed(n)).unwrap_or(fallback)
    }

    /// A parameter by the function's own prototype, or by the one through which it was called.
    fn parameter(&self, n: usize) -> Option<Expression> {
        let function = self.stack.frames.get(self.frame)?.function.as_ref()?;
        let own = self.prototype(&function.name).and_then(|p| parameter(&p, n));
        own.or_else(|| self.by_dwarf(n)).or_else(|| {
            let by = self.caller_called()?.to?;
            parameter(&by, n)
        })
    }

    /// The prototype of a function by its name.
    fn prototype(&self, name: &str) -> Option<TypeRef> {
        // Of `.isra`, `.constprop` and `.part` the compiler has taken arguments away.
        let (base, made) = name.split_once('.').unwrap_or((name, "cold"));
        made.starts_with("cold").then_some(())?;
        let tables = std::iter::once(self.t.types().ok()?.clone())
            .chain(self.t.module_types().iter().map(|(_, b)| b.clone() as std::sync::Arc<dyn Types>));
        tables.into_iter().find_map(|table| {
            let Type::Func { proto, .. } = table.get(table.find(Kind::Func, base)?).ok()? else {
                return None;
            };
            Some(TypeRef { table, id: proto })
        })
    }

    fn by_dwarf(&self, n: usize) -> Option<Expression> {
        let found = unwind::variables(self.t, self.stack, self.frame)?;
        let (_, own) = found.scopes.last()?;
        let variable = own.iter().filter(|v| v.argument).nth(n)?;
        let table = self.t.debug_at(self.stack.frames.get(self.frame)?.place()?)?.types.clone();
        let ty = TypeRef { table, id: variable.ty? };
        Some(named(variable.name.clone(), &ty))
    }

    /// What the caller's call went through, if it was a typed pointer.
    fn caller_called(&self) -> Option<Expression> {
        let (namer, call) = self.caller()?;
        let regs = unwind::registers(self.t, self.stack);
        let insns = call.insns(self.t);
        let trace = Trace::new(self.t, &insns, call.at, regs.get(namer.frame)?)?;
        namer.called(&trace)
    }

    /// What the caller passed, in the caller's own words.
    fn passed(&self, n: usize) -> Option<Expression> {
        let (namer, call) = self.caller()?;
        let regs = unwind::registers(self.t, self.stack);
        let insns = call.insns(self.t);
        let trace = Trace::new(self.t, &insns, call.at, regs.get(namer.frame)?)?;
        let reg = *self.t.arch().argument_registers().get(n)?;
        namer.register(&trace, reg)
    }

    /// The frame that called this one and where it did.
    fn caller(&self) -> Option<(Namer<'s>, Call)> {
        let left = self.left.checked_sub(1)?;
        let here = self.stack.frames.get(self.frame)?;
        let caller = self.stack.frames.get(self.frame + 1).filter(|f| !f.exact)?;
        if caller.trust >= unwind::Trust::Recovered {
            return None;
        }
        let back = caller.pc?;
        let function = caller.function.as_ref()?;
        let near = self.t.near(back.moved(-1)).filter(|n| n.start == function.start)?;
        let insns = code::function(self.t, &near);
        let at = insns.iter().find(|i| i.next() == back)?.at;
        // A fixed target that is another function jumped here: what it passed on is not known.
        let direct = unwind::direct_target(self.t, back);
        let fits = direct.is_none() || direct == here.function.as_ref().map(|f| f.start);
        fits.then(|| (Namer { frame: self.frame + 1, left, ..*self }, Call { at, near }))
    }

    fn variable(&self, at: u64) -> Expression {
        let at = VirtAddr(at);
        let Some(near) = self.t.near(at) else { return plain(format!("{:#x}", at.0)) };
        let ty = self.t.global_type(&near.name, near.start);
        let base = Expression { text: format!("&{}", near.name), to: ty, member: None, typed: true };
        match at.0 - near.start.0 {
            0 => base,
            by => self.within(base, by as i64),
        }
    }

    fn percpu(&self, offset: u64) -> Expression {
        let current = ["current_task", "pcpu_hot"].iter().find_map(|n| self.t.symbol(n));
        let is_current = current.is_some_and(|c| c.0 & 0xffff_ffff == offset & 0xffff_ffff);
        match self.t.type_named("struct task_struct").filter(|_| is_current) {
            Some(task) => Expression { text: "current".into(), to: Some(task), member: None, typed: true },
            None => plain(format!("per-CPU {offset:#x}")),
        }
    }

    fn result(&self, by: Option<VirtAddr>) -> Expression {
        let Some(near) = by.and_then(|by| self.t.near(by)) else {
            return plain("what a call returned".into());
        };
        let text = format!("{}()", near.name);
        let to = self.prototype(&near.name).and_then(|proto| match proto.strip().ok()? {
            Type::FuncProto { ret, .. } => pointee(&proto.other(ret)),
            _ => None,
        });
        Expression { text, to, member: None, typed: true }
    }

    fn loaded(&self, from: &Term, size: u8) -> Expression {
        let (base, by) = match &from.how {
            How::Plus(base, by) => (self.name(base), *by),
            _ => (self.name(from), 0),
        };
        let step = u64::try_from(by).ok().and_then(|by| member(&base, by, u64::from(size)));
        step.unwrap_or_else(|| {
            let typed = base.typed && matches!(from.how, How::Address(_));
            let text = match base.text.strip_prefix('&') {
                Some(name) if by == 0 => name.to_owned(),
                _ if by == 0 => format!("*({})", base.text),
                _ => format!("*({} + {by:#x})", base.text),
            };
            Expression { text, to: None, member: None, typed }
        })
    }

    fn part(&self, base: &Term, by: i64) -> Expression {
        self.within(self.name(base), by)
    }

    /// The address of a member.
    fn within(&self, base: Expression, by: i64) -> Expression {
        let found = u64::try_from(by).ok().and_then(|by| {
            let ty = base.to.as_ref()?;
            let found = ty.table.member_at(ty.id, by, 0).filter(|f| f.rest == 0)?;
            let (text, typed) = (format!("&{}", access(&base.text, &found.path)), base.typed);
            Some(Expression { text, to: Some(ty.other(found.ty)), member: None, typed })
        });
        found.unwrap_or_else(|| Expression {
            text: format!("{} + {by:#x}", base.text),
            to: None,
            member: None,
            typed: false,
        })
    }

    /// What a pointer leads to by its slab cache, when that is called like a struct.
    fn by_cache(&self, value: Option<u64>, found: Expression) -> Expression {
        let object = value.and_then(|v| Some((v, slab::object(self.t, VirtAddr(v))?)));
        let ty = object
            .filter(|(v, o)| o.start.0 == *v)
            .and_then(|(_, o)| self.t.type_named(&format!("struct {}", o.cache)));
        match ty {
            Some(ty) => Expression { to: Some(ty), typed: true, ..found },
            None => found,
        }
    }
}

/// A call.
struct Call {
    at: VirtAddr,
    near: necropsy_base::Near,
}

impl Call {
    fn insns(&self, t: &Target) -> Vec<necropsy_arch::Insn> {
        code::function(t, &self.near)
    }
}

fn plain(text: String) -> Expression {
    Expression { text, to: None, member: None, typed: false }
}

fn named(text: String, ty: &TypeRef) -> Expression {
    Expression { text, to: pointee(ty), member: None, typed: true }
}

/// Parameter `n` of a prototype.
fn parameter(proto: &TypeRef, n: usize) -> Option<Expression> {
    let Type::FuncProto { params, .. } = proto.strip().ok()? else { return None };
    let (name, ty) = params.get(n)?;
    let text = name.as_ref().map_or_else(|| format!("argument {}", n + 1), |name| name.to_string());
    Some(named(text, &proto.other(*ty)))
}

/// What a pointer type points to.
fn pointee(ty: &TypeRef) -> Option<TypeRef> {
    match ty.strip().ok()? {
        Type::Pointer(to) => Some(ty.other(to)).filter(|to| !matches!(to.strip(), Ok(Type::Void))),
        _ => None,
    }
}

/// The member at an offset behind a pointer.
fn member(base: &Expression, by: u64, size: u64) -> Option<Expression> {
    let ty = base.to.as_ref()?;
    let found = ty.table.member_at(ty.id, by, size)?;
    let text = access(&base.text, &found.path);
    Some(Expression {
        text,
        to: pointee(&ty.other(found.ty)),
        member: (!found.path.is_empty()).then(|| (ty.name(), by)),
        typed: base.typed && found.rest == 0,
    })
}

/// `p` and `a.b`: `p->a.b`; `&p->q` and `a`: `p->q.a`.
fn access(base: &str, path: &str) -> String {
    match (base.strip_prefix('&'), path) {
        (Some(place), "") => place.to_owned(),
        (Some(place), path) if path.starts_with('[') => format!("{place}{path}"),
        (Some(place), path) => format!("{place}.{path}"),
        (None, "") => format!("*{base}"),
        (None, path) if path.starts_with('[') => format!("{base}{path}"),
        (None, path) => format!("{base}->{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_c_writes_it() {
        assert_eq!(access("p", "ops.flags"), "p->ops.flags");
        assert_eq!(access("&table", "[3].name"), "table[3].name");
        assert_eq!(access("&p->list", "next"), "p->list.next");
        assert_eq!(access("p", ""), "*p");
    }
}
