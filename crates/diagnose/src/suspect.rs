//! Places to blame, as they are said.

use necropsy_report::{Hex, Place};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::findings::InSource;

/// A frame as the place of a bug. A return address may belong to the next function: name and line are those of the call.
pub fn place_of(t: &Target, frame: &Frame, sure: f64) -> Place {
    let function = frame.function.as_ref();
    let named = Place {
        confidence: Some(sure),
        function: function.map(|f| f.name.clone()),
        module: function.and_then(|f| f.module.clone()),
        ..Place::default()
    };
    match frame.pc {
        Some(pc) => {
            let offset = frame.offset().map(|o| format!("{o:#x}"));
            Place { offset, address: Some(Hex(pc.0)), ..named }.in_source(t, frame.place().unwrap_or(pc))
        }
        None => Place { confidence: Some(sure * 0.8), ..named },
    }
}

/// `function [module]`.
pub fn named(p: &Place) -> String {
    let module = p.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    format!("{}{module}", p.function.as_deref().unwrap_or("an unknown function"))
}
