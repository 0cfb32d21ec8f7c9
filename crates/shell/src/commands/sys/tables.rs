//! `sys -c` and `sys -i`: the system calls, and what the firmware says about the machine.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Kind, Type};
use necropsy_kernel::tables;
use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::{CommandError, Context, Sink, number};

#[derive(Serialize, JsonSchema)]
pub struct Call {
    number: u64,
    handler: Hex,
    name: String,
    file: Option<String>,
    line: Option<u32>,
}

/// The system call table; `wanted` is a number, or a part of a name.
pub fn calls(cx: &Context, wanted: Option<&str>, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let table = t.need_symbol("sys_call_table")?;
    out.heading("NUM  SYSTEM CALL                FILE AND LINE NUMBER")?;
    for (i, handler) in (0..).zip(tables::system_calls(t, table)) {
        let Some(near) = t.near(handler).filter(|n| n.start == handler && t.is_text(handler)) else {
            continue;
        };
        let by_number = wanted.and_then(number::count) == Some(i);
        if !by_number && wanted.is_some_and(|w| number::count(w).is_some() || !near.name.contains(w)) {
            continue;
        }
        let line = t.place(handler).and_then(|p| p.frames().last().and_then(|f| f.line.clone()));
        let row = Call {
            number: i,
            handler: Hex(handler.0),
            name: near.name,
            file: line.as_ref().map(|l| l.file.clone()),
            line: line.map(|l| l.line),
        };
        out.row(&row, |r| {
            let place = r.file.as_ref().zip(r.line).map(|(f, l)| format!("{f}: {l}")).unwrap_or_default();
            format!("{:>3}  {:<26} {place}", r.number, r.name).trim_end().to_owned()
        })?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct Field {
    field: String,
    value: String,
}

/// The strings of the firmware's tables (drivers/firmware/dmi_scan.c): `dmi_ident`, by `enum dmi_field`.
pub fn firmware(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let table = t.need_symbol("dmi_ident")?;
    let types = t.types()?;
    let id = types
        .find(Kind::Enum, "dmi_field")
        .ok_or_else(|| CommandError::Failed("this kernel has no enum dmi_field".into()))?;
    let Ok(Type::Enum { values, .. }) = types.get(id) else { return Ok(()) };
    for (name, index) in values {
        let Ok(index) = u64::try_from(index) else { continue };
        let plain = !matches!(name.as_str(), "DMI_NONE" | "DMI_STRING_MAX" | "DMI_OEM_STRING");
        let Some(value) = plain.then(|| text(cx, table.offset(index * 8))).flatten() else { continue };
        out.row(&Field { field: name.to_string(), value }, |f| format!("{:>25}: {}", f.field, f.value))?;
    }
    Ok(())
}

fn text(cx: &Context, at: VirtAddr) -> Option<String> {
    let memory = cx.target.memory();
    let at = memory.ptr(at).ok().filter(|at| !at.is_null())?;
    Some(bytes_text(&memory.cstr(at, 256).ok()?))
}
