//! `#[derive(Load)]`: fills a Rust struct from a kernel struct by member name.
//!
//! ```ignore
//! #[derive(Load)]
//! #[kernel(name = "task_struct")]
//! struct Task {
//!     #[kernel(this)]
//!     at: VirtAddr,                       // where the struct was loaded from
//!     pid: i32,                           // the member of the same name
//!     #[kernel(any = "__state|state")]
//!     state: u64,                         // the first name that this kernel has
//!     #[kernel(path = "thread.sp")]
//!     sp: VirtAddr,                       // dotted paths; anonymous members are looked into anyway
//!     stack_canary: Option<u64>,          // None: this kernel has no such member
//!     comm: Partial<Bytes<16>>,           // a missing page costs this member only
//!     tasks: At,                          // where the member lies
//! }
//!
//! #[derive(Load)]
//! #[kernel(one_of)]
//! enum Layout { New(NewLayout), Old(OldLayout) }   // the first whose struct and members this kernel has
//! ```

use proc_macro::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Field, Fields, LitStr, Result, parse_macro_input};

/// See the crate's documentation.
#[proc_macro_derive(Load, attributes(kernel))]
pub fn derive_load(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> Result<proc_macro2::TokenStream> {
    let options = Options::of(&input.attrs)?;
    match &input.data {
        Data::Struct(data) => {
            let Fields::Named(fields) = &data.fields else {
                return Err(Error::new_spanned(input, "Load needs named fields"));
            };
            let name =
                options.name.ok_or_else(|| Error::new_spanned(input, "needs #[kernel(name = \"...\")]"))?;
            expand_struct(input, &name, fields.named.iter())
        }
        Data::Enum(data) if options.one_of => expand_enum(input, data),
        _ => Err(Error::new_spanned(input, "Load is for structs, and for enums with #[kernel(one_of)]")),
    }
}

fn expand_struct<'a>(
    input: &DeriveInput,
    kernel_name: &LitStr,
    fields: impl Iterator<Item = &'a Field>,
) -> Result<proc_macro2::TokenStream> {
    let ident = &input.ident;
    let (mut specs, mut inits) = (Vec::new(), Vec::new());
    for field in fields {
        let options = Options::of(&field.attrs)?;
        let (name, ty) = (&field.ident, &field.ty);
        if options.this {
            inits.push(quote!(#name: l.at()));
            continue;
        }
        let own = name.as_ref().map(ToString::to_string).unwrap_or_default();
        let path = options.path.map_or(own, |p| p.value());
        let index = specs.len();
        specs.push(quote! {
            ::necropsy_target::FieldSpec {
                paths: #path,
                optional: <#ty as ::necropsy_target::Member>::OPTIONAL,
                address: <#ty as ::necropsy_target::Member>::ADDRESS,
            }
        });
        inits.push(quote!(#name: l.take(#index)?));
    }
    Ok(quote! {
        impl ::necropsy_target::Load for #ident {
            fn resolves(t: &::necropsy_target::Target) -> ::std::result::Result<(), ::necropsy_target::LoadError> {
                t.plan(Self::spec()).map(|_| ())
            }
            fn load(
                t: &::necropsy_target::Target,
                at: ::necropsy_target::VirtAddr,
            ) -> ::std::result::Result<Self, ::necropsy_target::LoadError> {
                let l = t.load_fields(Self::spec(), at)?;
                Ok(Self { #(#inits),* })
            }
        }
        impl #ident {
            fn spec() -> &'static ::necropsy_target::Spec {
                static FIELDS: &[::necropsy_target::FieldSpec] = &[#(#specs),*];
                static SPEC: ::necropsy_target::Spec =
                    ::necropsy_target::Spec { name: #kernel_name, fields: FIELDS };
                &SPEC
            }
        }
    })
}

fn expand_enum(input: &DeriveInput, data: &DataEnum) -> Result<proc_macro2::TokenStream> {
    let ident = &input.ident;
    let (mut names, mut types) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        let Fields::Unnamed(fields) = &variant.fields else {
            return Err(Error::new_spanned(variant, "each variant holds one Load type"));
        };
        names.push(&variant.ident);
        types
            .push(fields.unnamed.first().map(|f| &f.ty).ok_or_else(|| Error::new_spanned(variant, "empty"))?);
    }
    let last = types.last().ok_or_else(|| Error::new_spanned(input, "no variants"))?;
    Ok(quote! {
        impl ::necropsy_target::Load for #ident {
            fn resolves(t: &::necropsy_target::Target) -> ::std::result::Result<(), ::necropsy_target::LoadError> {
                #(if <#types as ::necropsy_target::Load>::resolves(t).is_ok() { return Ok(()); })*
                <#last as ::necropsy_target::Load>::resolves(t)
            }
            fn load(
                t: &::necropsy_target::Target,
                at: ::necropsy_target::VirtAddr,
            ) -> ::std::result::Result<Self, ::necropsy_target::LoadError> {
                #(if <#types as ::necropsy_target::Load>::resolves(t).is_ok() {
                    return <#types as ::necropsy_target::Load>::load(t, at).map(Self::#names);
                })*
                Err(<#last as ::necropsy_target::Load>::resolves(t).err()
                    .unwrap_or(::necropsy_target::LoadError::NoVariant))
            }
        }
    })
}

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    path: Option<LitStr>,
    this: bool,
    one_of: bool,
}

impl Options {
    fn of(attrs: &[Attribute]) -> Result<Self> {
        let mut options = Options::default();
        for attr in attrs.iter().filter(|a| a.path().is_ident("kernel")) {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    options.name = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("path") || meta.path.is_ident("any") {
                    options.path = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("this") {
                    options.this = true;
                } else if meta.path.is_ident("one_of") {
                    options.one_of = true;
                } else {
                    return Err(meta.error("expected name, path, any, this or one_of"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}
