//! `kmem -p` and `-m`: pages.

use std::collections::BTreeMap;

use necropsy_base::VirtAddr;
use necropsy_kernel::memmap::{self, Memmap};
use necropsy_kernel::pages::{self, Shape};
use necropsy_report::Hex;
use necropsy_target::{TypeRef, Value};
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::page_row::PageRow;
use crate::output::Closed;
use crate::{Args, CommandError, Context, Sink, SinkExt};

/// The page frame that an address means: that of a `struct page`, a virtual or a physical one.
pub fn frame(cx: &Context, at: VirtAddr, physical: bool) -> Option<u64> {
    let t = &cx.target;
    let map = Memmap::of(t)?;
    if physical || !t.arch().is_kernel(at) {
        return Some(at.0 / map.page_size);
    }
    named_by_page(cx, &map, at).or_else(|| Some(memmap::to_phys(t, at)?.0 / map.page_size))
}

/// The frame, if the address is that of a `struct page`.
pub fn named_by_page(cx: &Context, map: &Memmap, at: VirtAddr) -> Option<u64> {
    let last = cx.target.phys()?.ram().iter().last()?.end.0;
    map.frame(at).filter(|frame| frame.saturating_mul(map.page_size) < last)
}

/// Shows all pages, or those named.
pub fn show(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let shape = Shape::of(&cx.target)?;
    let columns = match args.value('m') {
        Some(list) => Some(Members::new(cx, list)?),
        None => None,
    };
    let heading = columns.as_ref().map_or(PageRow::HEADING.to_owned(), Members::heading);
    out.heading(&heading)?;
    let mut one = |page: pages::Page<'_>| match &columns {
        Some(members) => members.show(cx, page.at(), out),
        None => out.row(&PageRow::from(page), PageRow::text),
    };
    if args.rest.is_empty() {
        let mut closed = None;
        pages::walk(&cx.target, &shape, &mut |page| {
            closed = one(page).err();
            closed.is_none()
        });
        return closed.map_or(Ok(()), |e| Err(e.into()));
    }
    for word in &args.rest {
        let at = cx.address(word)?;
        let page = frame(cx, at, args.has('P')).and_then(|f| pages::page(&cx.target, &shape, f).ok());
        let page = page.ok_or_else(|| {
            CommandError::Failed(format!("{:x}: no page there, or it is not in the dump", at.0))
        })?;
        one(page.page())?;
    }
    Ok(())
}

/// Members of `struct page` as columns.
struct Members<'a> {
    ty: TypeRef,
    names: Vec<&'a str>,
}

impl<'a> Members<'a> {
    fn new(cx: &Context, list: &'a str) -> Result<Members<'a>, CommandError> {
        let ty = cx.target.type_named("struct page");
        let ty = ty.ok_or_else(|| CommandError::Failed("this kernel's types have no struct page".into()))?;
        let names: Vec<&str> = list.split(',').filter(|n| !n.is_empty()).collect();
        for name in &names {
            Value::new(ty.clone(), VirtAddr(0)).member(name)?;
        }
        Ok(Members { ty, names })
    }

    fn heading(&self) -> String {
        let names: String = self.names.iter().map(|n| format!("  {n:<16}")).collect();
        format!("      PAGE      {names}")
    }

    fn show(&self, cx: &Context, page: VirtAddr, out: &mut dyn Sink) -> Result<(), Closed> {
        let number = |name: &&str| {
            let member = Value::new(self.ty.clone(), page).member(name).ok()?;
            // A struct is shown as the word it begins with.
            member.number(&cx.target).ok().map(|n| n as u64).or_else(|| {
                let bytes = member.bytes(&cx.target).ok()?;
                Some(cx.target.abi().uint(bytes.get(..8.min(bytes.len()))?))
            })
        };
        let values: Vec<Option<u64>> = self.names.iter().map(number).collect();
        let members = self.names.iter().zip(&values).map(|(n, v)| ((*n).to_owned(), v.map(Hex))).collect();
        out.row(&MembersRow { page: Hex(page.0), members }, |_| {
            let cells =
                values.iter().map(|v| format!("  {:<16}", v.map_or("?".into(), |v| format!("{v:x}"))));
            format!("{:016x}{}", page.0, cells.collect::<String>()).trim_end().to_owned()
        })
    }
}

/// Members of a `struct page`, as the words they are.
#[derive(Serialize, JsonSchema)]
pub struct MembersRow {
    page: Hex,
    members: BTreeMap<String, Option<Hex>>,
}
