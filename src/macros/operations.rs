//! The API operations of a kind, collected from its container and its fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Path, Result};

use crate::list::{array, extend_unique, text, texts};

/// The operations by what they are for. The calls of the tagger are added by the generated code.
#[derive(Default)]
pub(crate) struct Operations {
    reads: Vec<String>,
    creates: Vec<String>,
    updates: Vec<String>,
    deletes: Vec<String>,
    permissions: Vec<String>,
    triggers: Vec<(String, Vec<String>)>,
}

impl Operations {
    /// Reads an argument of `#[kind(…)]`, if it is one of operations.
    pub(crate) fn parse(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "reads" => self.reads = texts(meta)?,
            "creates" => self.creates = texts(meta)?,
            "updates" => self.updates = texts(meta)?,
            "deletes" => self.deletes = texts(meta)?,
            "permissions" => self.permissions = texts(meta)?,
            "call_triggers" => {
                let (mut call, mut on) = (None, Vec::new());
                meta.parse_nested_meta(|inner| {
                    if inner.path.is_ident("call") {
                        call = Some(text(&inner)?);
                    } else if inner.path.is_ident("on") {
                        on = texts(&inner)?;
                    } else {
                        return Err(inner.error("expected `call` or `on`"));
                    }
                    Ok(())
                })?;
                let call = call.ok_or_else(|| meta.error("`call` is missing"))?;
                self.triggers.push((call, on));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Records that a change of an input calls an operation.
    pub(crate) fn trigger(&mut self, call: String, input: &str) {
        match self.triggers.iter_mut().find(|(name, _)| *name == call) {
            Some((_, inputs)) => inputs.push(input.to_owned()),
            None => self.triggers.push((call, vec![input.to_owned()])),
        }
    }

    /// Writes the fields of the schema; none when there are no operations, so that a base can supply them.
    pub(crate) fn schema(&self, tagger: Option<&Path>) -> TokenStream {
        let mut changes = self.updates.clone();
        let triggered: Vec<String> = self.triggers.iter().map(|(call, _)| call.clone()).collect();
        extend_unique(&mut changes, &triggered);
        let mut all = Vec::new();
        for list in [&self.reads, &self.creates, &changes, &self.deletes, &self.permissions] {
            extend_unique(&mut all, list);
        }
        let mut schema = TokenStream::new();
        if !all.is_empty() {
            let (all, changes) = (with_tag_calls(&all, tagger), with_tag_calls(&changes, tagger));
            let (creates, deletes) = (array(&self.creates), array(&self.deletes));
            schema.extend(quote! {
                operations: #all,
                creates: #creates,
                changes: #changes,
                deletes: #deletes,
            });
        }
        if !self.triggers.is_empty() {
            let triggers = self.triggers.iter().map(|(call, inputs)| {
                let inputs = array(inputs);
                quote!((#call, #inputs))
            });
            schema.extend(quote!(call_triggers: &[#(#triggers),*],));
        }
        schema
    }
}

fn with_tag_calls(listed: &[String], tagger: Option<&Path>) -> TokenStream {
    let listed = array(listed);
    match tagger {
        Some(tagger) => quote!({
            const LISTED: &[&str] = #listed;
            const TAGS: &[&str] = <#tagger as ::infra_core::resource::Tagger>::CALLS;
            &::infra_core::resource::union::<{ ::infra_core::resource::union_len(LISTED, TAGS) }>(LISTED, TAGS)
        }),
        None => listed,
    }
}
