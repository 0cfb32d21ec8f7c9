//! `btop`, `ptob`, `ptov`: between bytes, pages and virtual addresses.

use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, number};

pub struct Btop;
pub struct Ptob;
pub struct Ptov;

fn addresses(args: &Args, read: fn(&str) -> Option<u64>) -> Result<Vec<u64>, CommandError> {
    if args.rest.is_empty() {
        return Err(CommandError::Usage("a number is missing".into()));
    }
    let one = |word: &String| read(word).ok_or_else(|| CommandError::Usage(format!("{word} is no number")));
    args.rest.iter().map(one).collect()
}

/// A physical address and its page.
#[derive(Serialize, JsonSchema)]
struct PageRow {
    address: Hex,
    page: Hex,
}

/// A physical address in the direct map.
#[derive(Serialize, JsonSchema)]
struct MapRow {
    #[serde(rename = "virtual")]
    virt: Hex,
    physical: Hex,
}

impl Command for Btop {
    fn name(&self) -> &'static str {
        "btop"
    }
    fn synopsis(&self) -> &'static str {
        "address ..."
    }
    fn about(&self) -> &'static str {
        "bytes to pages"
    }
    fn help(&self) -> &'static str {
        "The page frame number of a physical address. Numbers are hexadecimal."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "btop 512a000", what: "which page an address is on" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![PageRow]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        for at in addresses(args, number::address)? {
            let page = at / cx.target.page_size();
            let row = PageRow { address: Hex(at), page: Hex(page) };
            out.row(&row, |_| format!("{at:x}: {page:x}"))?;
        }
        Ok(())
    }
}

impl Command for Ptob {
    fn name(&self) -> &'static str {
        "ptob"
    }
    fn synopsis(&self) -> &'static str {
        "page ..."
    }
    fn about(&self) -> &'static str {
        "pages to bytes"
    }
    fn help(&self) -> &'static str {
        "The physical address of a page frame number, which is decimal unless it begins with 0x."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "ptob 0x512a", what: "where a page begins" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![PageRow]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        for page in addresses(args, number::count)? {
            let at = page.wrapping_mul(cx.target.page_size());
            let row = PageRow { address: Hex(at), page: Hex(page) };
            out.row(&row, |_| format!("{page:x}: {at:x}"))?;
        }
        Ok(())
    }
}

impl Command for Ptov {
    fn name(&self) -> &'static str {
        "ptov"
    }
    fn synopsis(&self) -> &'static str {
        "address ..."
    }
    fn about(&self) -> &'static str {
        "physical to virtual addresses"
    }
    fn help(&self) -> &'static str {
        "Where a physical address appears in the kernel's direct map of all memory. Numbers are hexadecimal."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "ptov 1e720c0", what: "where to read a physical address" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![MapRow]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let direct = cx.target.kernel().and_then(|k| k.direct_map());
        let base =
            direct.ok_or_else(|| CommandError::Failed("the direct map of this kernel is unknown".into()))?;
        out.heading("VIRTUAL           PHYSICAL")?;
        for at in addresses(args, number::address)? {
            let virt = base.start.wrapping_add(at);
            let row = MapRow { virt: Hex(virt), physical: Hex(at) };
            out.row(&row, |_| format!("{virt:016x}  {at:x}"))?;
        }
        Ok(())
    }
}
