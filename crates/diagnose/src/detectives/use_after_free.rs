//! An access to an object that was freed.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::slab::{Found, State};
use necropsy_report::Place;
use necropsy_target::Target;

use super::null_pointer::{died_of_it, tell};
use super::wild_pointer::{filling, is_error_code};
use crate::access::BadAccess;
use crate::crash::Crash;
use crate::findings::place;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, code, holders, objects, runs};

pub const USE_AFTER_FREE: Detective = Detective {
    id: "use-after-free",
    title: "an access to an object that was freed",
    doc: "The pointer that faulted is the poison of freed memory; or it was read from a slab object that is on the list of free objects, \
          and so was no pointer any more; or from a page that is free; or it was read from an object that by now is somebody else's: written over from its first \
          byte on, with two places that hold its address. What frees objects, or who did if the allocator tracks it, is named too.",
    examine,
};

/// Poison of freed objects and of freed pages (include/linux/poison.h).
const POISON: &[(u8, &str)] = &[(0x6b, "objects"), (0xaa, "pages")];

/// What it says that an object is somebody else's, by how many places hold its address.
const TWO_OWNERS: &[(Class, f64)] = &[(Class::UseAfterFree, 3.2), (Class::WildPointerDereference, -3.5)];
const ONE_OWNER: &[(Class, f64)] = &[(Class::UseAfterFree, 1.5), (Class::WildPointerDereference, -0.5)];

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(access) = BadAccess::of(t, crash) else { return };
    let Some((index, sure)) = blame::culprit(t, &crash.stack.frames, access.trap.index) else { return };
    let scene = Scene { t, crash, access, user: place_in(t, &crash.stack.frames, index, sure) };
    if scene.access.base.is_some_and(is_error_code) {
        return;
    }
    let known = poisoned(&scene, found) || freed(&scene, found) || page(&scene, found);
    if !known {
        reused(&scene, found);
    }
}

/// What all ways to find it look at.
struct Scene<'a> {
    t: &'a Target,
    crash: &'a Crash,
    access: BadAccess<'a>,
    /// Who used the pointer.
    user: Place,
}

impl Scene<'_> {
    /// The object that the first of the pointers was read from that lies in a slab, with where in it.
    fn source(&self, wanted: impl Fn(State) -> bool) -> Option<(Found, State, VirtAddr)> {
        let from = |(from, _): &(VirtAddr, VirtAddr)| {
            let (found, state) = objects::at(self.t, *from)?;
            wanted(state).then_some((found, state, *from))
        };
        self.access.loads().iter().find_map(from)
    }

    fn hypothesis(&self, title: String, statement: String, sure: f64) -> Hypothesis {
        let mut h = Hypothesis::new(Class::UseAfterFree, title, statement);
        h.victim = Some(place(self.t, self.access.pc, None));
        let confidence = self.user.confidence.map(|c| c * sure);
        h.culprit = Some(Place { confidence, ..self.user.clone() });
        h.advice = vec![
            "find out who freed the object while it was in use: reference counts, missing locks, work that was not cancelled"
                .into(),
            "slub_debug=FZPU or KASAN name the function that freed it".into(),
        ];
        h.separate = Some("who freed the object, and whether the user had a reference to it".into());
        h
    }

    /// Where the pointer came from, in words.
    fn told(&self) -> String {
        let a = &self.access;
        let said = a.origin.as_ref().and_then(|o| tell(self.t, o, &a.insns, a.operand.base));
        said.map(|s| format!(" {s}")).unwrap_or_default()
    }
}

/// What a value that is the poison of freed memory was: objects, or pages.
pub(super) fn poison_of(value: u64) -> Option<&'static str> {
    POISON.iter().find(|(byte, _)| filling(value) == Some(*byte)).map(|(_, of)| *of)
}

/// The pointer is poison.
fn poisoned(s: &Scene<'_>, found: &mut Findings) -> bool {
    let (t, a) = (s.t, &s.access);
    let value = a.base.unwrap_or(a.address);
    let Some(of) = poison_of(value) else { return false };
    let who = named(&s.user);
    let text = code::text(t, a.pc).unwrap_or_default();
    let source = s.source(|_| true).filter(|(_, state, _)| *state != State::Allocated);
    let what = source.as_ref().map_or("an object".to_owned(), |(object, ..)| objects::named(object));
    let mut h = s.hypothesis(
        format!("use after free in {who}: a pointer that is the poison of freed {of}"),
        format!(
            "{who} followed the pointer {value:#x}, the poison that fills freed {of}: `{text}` touched {:#x}. It was read from {what} \
             after that was freed.{}",
            a.address,
            s.told()
        ),
        1.0,
    );
    let offset = a.pc.0 - a.near.start.0;
    found.add(
        Class::UseAfterFree,
        4.5,
        format!("text:{}", a.near.name),
        "fault".to_owned(),
        format!(
            "`{text}` at {}+{offset:#x} touches {:#x}: poison of freed {of} ({value:#x})",
            a.near.name, a.address
        ),
    );
    died_of_it(s.crash, &a.trap, found, Class::UseAfterFree);
    if let Some((object, state, from)) = &source {
        let free = if objects::is_free(*state) { "is on a list of free objects" } else { "may be free" };
        let claim =
            format!("the pointer was read at {:#x} from {}, which {free}", from.0, objects::named(object));
        found.add(
            Class::UseAfterFree,
            1.5,
            format!("memory:{:#x}", object.start.0),
            format!("object {:x}", from.0),
            claim,
        );
        h.related = objects::tracked(t, object, Class::UseAfterFree, 1.0, found);
        add_freers(t, object, &mut h);
    }
    found.hypotheses.push(h);
    true
}

/// Where no track says who freed the object: the one function that frees objects of that cache.
fn add_freers(t: &Target, object: &Found, h: &mut Hypothesis) {
    if h.related.iter().any(|r| r.role == "freer") {
        return;
    }
    let all = objects::freers(t, object.cache.at);
    for at in all.iter().take(4) {
        let p = place(t, *at, None);
        if all.len() == 1 {
            h.statement += &format!(" Only {} frees objects of cache {}.", named(&p), object.cache.name);
        }
        h.related.push(necropsy_report::Related {
            role: "freer",
            function: p.function,
            module: p.module,
            task: None,
        });
    }
}

/// A pointer on the way was read from an object that is free.
fn freed(s: &Scene<'_>, found: &mut Findings) -> bool {
    let Some((object, _, from)) = s.source(objects::is_free) else { return false };
    let (who, value) = (named(&s.user), s.access.base.unwrap_or(s.access.address));
    let by_chance = if value == 0 { "NULL by chance".into() } else { format!("{value:#x} by chance") };
    let mut h = s.hypothesis(
        format!("use after free of a {} object in {who}", object.cache.name),
        format!(
            "{who} followed a pointer that it had read at {:#x} from an object of cache {} ({} bytes at {:#x}) that is free: what it \
             read is no pointer any more, and was {by_chance}.",
            from.0, object.cache.name, object.cache.layout.object_size, object.start.0
        ),
        0.7,
    );
    found.add_to_all(
        &[
            (Class::UseAfterFree, 6.0),
            (Class::NullPointerDereference, -6.0),
            (Class::WildPointerDereference, -6.0),
        ],
        format!("memory:{:#x}", object.start.0),
        format!("object {:x}", object.start.0),
        format!(
            "{}, from which the pointer was read, is on the list of free objects",
            objects::named(&object)
        ),
    );
    h.related = objects::tracked(s.t, &object, Class::UseAfterFree, 1.0, found);
    add_freers(s.t, &object, &mut h);
    found.hypotheses.push(h);
    true
}

/// A pointer on the way was read from a page that is free: its whole slab was given back, or it was one of its own.
fn page(s: &Scene<'_>, found: &mut Findings) -> bool {
    let hit = s.access.loads().into_iter().find_map(|(from, _)| Some((from, objects::free_page(s.t, from)?)));
    let Some((from, page)) = hit else { return false };
    let (who, at) = (named(&s.user), page.page().at().0);
    let h = s.hypothesis(
        format!("use after free of a page in {who}"),
        format!(
            "{who} followed a pointer that it had read at {:#x}, in a page that is free: what was there was given back to the page \
             allocator.{}",
            from.0,
            s.told()
        ),
        0.7,
    );
    found.add_to_all(
        &[
            (Class::UseAfterFree, 5.5),
            (Class::NullPointerDereference, -5.5),
            (Class::WildPointerDereference, -5.5),
        ],
        format!("memory:*(struct page *){at:#x}"),
        format!("struct page {at:x}"),
        format!(
            "the page at {:#x}, in which the pointer was read, is free: nobody has a reference to it",
            page.page().memory().0
        ),
    );
    found.hypotheses.push(h);
    true
}

/// The object that the pointer was read from is somebody else's by now.
fn reused(s: &Scene<'_>, found: &mut Findings) {
    let (t, a) = (s.t, &s.access);
    let Some((object, _, from)) = s.source(|state| state == State::Allocated) else { return };
    // Only what is no pointer at all: a value that was written as something else.
    if a.loads().first().is_none_or(|(first, _)| *first != from)
        || t.memory().ptr(from).is_ok_and(|p| p.is_null())
    {
        return;
    }
    let low = object.neighbour(-1).map_or(object.start, |n| n.start);
    let Some(run) = runs::around(t, from, low) else { return };
    let held: Vec<_> = holders::in_modules(t, |word| word == object.start.0);
    if run.start != object.start {
        return;
    }
    // One place that holds its address may as well be its owner's, who wrote too much himself.
    let two = held.len() > 1;
    let places = if two { format!(" {} places hold its address.", held.len()) } else { String::new() };
    let who = named(&s.user);
    let mut h = s.hypothesis(
        format!("use after free in {who}: the {} object is another one by now", object.cache.name),
        format!(
            "{who} read a pointer at {:#x} from {}, but that holds {} from its first byte on: it was freed and given to somebody \
             else.{places}",
            from.0,
            objects::named(&object),
            run.what
        ),
        0.7,
    );
    found.add_to_all(
        if two { TWO_OWNERS } else { ONE_OWNER },
        format!("memory:{:#x}", object.start.0),
        objects::shown(object.start),
        format!(
            "{} holds {} from its first byte on, where the pointer was read",
            objects::named(&object),
            run.what
        ),
    );
    for holder in held.iter().take(3) {
        found.add(
            Class::UseAfterFree,
            0.2,
            format!("memory:{:#x}", holder.at.0),
            format!("rd {:x} 1", holder.at.0),
            format!("module {} holds the address of that object at {:#x}", holder.module, holder.at.0),
        );
    }
    h.related = objects::tracked(t, &object, Class::UseAfterFree, 1.0, found);
    found.hypotheses.push(h);
}
