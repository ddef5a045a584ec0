//! `#[derive(Attrs)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Error, Field, Ident, LitStr, Path, Result, Type};

use crate::list::{array, fields, is_flag, name_of, text, texts};

/// What the container and the fields declare.
#[derive(Default)]
struct Declared {
    id: Option<TokenStream>,
    tag_target: Option<TokenStream>,
    computed: Vec<String>,
    regenerates: Vec<String>,
    outputs: Vec<TokenStream>,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (ident, fields) = (&input.ident, fields(input)?);
    let mut declared = Declared::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("attrs")) {
        declared.container(attribute, &fields)?;
    }
    for field in &fields {
        for attribute in &field.attrs {
            declared.field(attribute, field)?;
        }
    }
    let Declared { id, tag_target, computed, regenerates, outputs } = declared;
    let id = id.ok_or_else(|| Error::new_spanned(ident, "no field is the `#[id]`"))?;
    let tag_target = tag_target.map(|target| quote!(fn tag_target(&self) -> ::std::string::String { #target }));
    let (computed, regenerates) = (array(&computed), array(&regenerates));
    let (handle, definition) = handle(ident, &outputs)?;
    Ok(quote! {
        impl ::infra_core::resource::Attrs for #ident {
            const COMPUTED: &'static [&'static str] = #computed;
            const REGENERATES: &'static [&'static str] = #regenerates;
            type Handle = #handle;
            fn id(&self) -> ::std::string::String { #id }
            #tag_target
        }
        #definition
    })
}

fn handle(attrs: &Ident, outputs: &[TokenStream]) -> Result<(TokenStream, TokenStream)> {
    if outputs.is_empty() {
        return Ok((quote!(::infra_core::resource::PlainHandle), TokenStream::new()));
    }
    let name = attrs.to_string();
    let kind = name.strip_suffix("Attrs").ok_or_else(|| Error::new_spanned(attrs, "the name must end in `Attrs`"))?;
    let handle = Ident::new(&format!("{kind}Handle"), attrs.span());
    let definition = quote! {
        /// Refers to a resource of this kind in the graph. Each method returns one of its outputs.
        #[derive(Clone, Debug)]
        pub struct #handle(::infra_base::address::Address);

        impl ::infra_core::resource::RefersTo for #handle {
            fn to(address: ::infra_base::address::Address) -> Self {
                Self(address)
            }
        }

        impl #handle {
            /// Returns the address of the resource.
            pub fn address(&self) -> &::infra_base::address::Address {
                &self.0
            }
            #(#outputs)*
        }
    };
    Ok((quote!(#handle), definition))
}

impl Declared {
    fn container(&mut self, attribute: &Attribute, fields: &[&Field]) -> Result<()> {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("id") {
                let format: LitStr = meta.value()?.parse()?;
                let text = format.value();
                let mut used = Vec::new();
                for field in fields {
                    let (ident, name) = name_of(field)?;
                    if text.contains(&format!("{{{name}}}")) {
                        used.push(ident);
                    }
                }
                self.id = Some(quote!({ let Self { #(#used,)* .. } = self; ::std::format!(#format) }));
            } else if meta.path.is_ident("id_with") {
                let function: Path = meta.value()?.parse()?;
                self.id = Some(quote!(#function(self)));
            } else if meta.path.is_ident("computed") {
                self.computed = texts(&meta)?;
            } else {
                return Err(meta.error("expected `id`, `id_with` or `computed`"));
            }
            Ok(())
        })
    }

    fn field(&mut self, attribute: &Attribute, field: &Field) -> Result<()> {
        let (ident, name) = name_of(field)?;
        let to_string = || quote!(::std::string::ToString::to_string(&self.#ident));
        if is_flag(attribute, "id")? {
            self.id = Some(to_string());
        } else if is_flag(attribute, "tag_target")? {
            self.tag_target = Some(to_string());
        } else if is_flag(attribute, "computed")? {
            self.computed.push(name);
        } else if is_flag(attribute, "regenerates")? {
            self.regenerates.push(name);
        } else if attribute.path().is_ident("output") {
            self.outputs.push(output(attribute, field)?);
        }
        Ok(())
    }
}

/// Writes the method of one output.
fn output(attribute: &Attribute, field: &Field) -> Result<TokenStream> {
    let (ident, name) = name_of(field)?;
    let (mut moment, mut method, mut doc, mut ty) = (None, ident.clone(), None, None::<Type>);
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("created") {
            moment = Some(quote!(Created));
        } else if meta.path.is_ident("ready") {
            moment = Some(quote!(Ready));
        } else if meta.path.is_ident("name") {
            method = meta.value()?.parse::<LitStr>()?.parse()?;
        } else if meta.path.is_ident("doc") {
            let text = text(&meta)?;
            doc = Some(quote!(#[doc = #text]));
        } else if meta.path.is_ident("ty") {
            ty = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error("expected `created`, `ready`, `name`, `doc` or `ty`"));
        }
        Ok(())
    })?;
    let moment = moment.ok_or_else(|| Error::new_spanned(attribute, "expected `created` or `ready`"))?;
    let doc = doc.unwrap_or_else(|| {
        let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        quote!(#(#docs)*)
    });
    let ty = ty.as_ref().unwrap_or(&field.ty);
    Ok(quote! {
        #doc
        pub fn #method(&self) -> ::infra_core::graph::Input<#ty> {
            ::infra_core::graph::Input::output(&self.0, #name, ::infra_core::graph::Moment::#moment)
        }
    })
}
