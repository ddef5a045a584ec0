//! `#[derive(Spec)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, DeriveInput, Error, Expr, Ident, LitInt, LitStr, Path, Result};

use crate::list::{array, fields, is_flag, name_of, text, texts};
use crate::operations::Operations;

/// The arguments of `#[kind(…)]`.
#[derive(Default)]
struct Container {
    name: Option<String>,
    /// Fields of the schema whose values are written as they are given.
    plain: TokenStream,
    attrs: Option<Path>,
    tagger: Option<Path>,
    base: Option<Path>,
}

/// What the fields declare, by the name of the schema's field.
#[derive(Default)]
struct Inputs {
    all: Vec<String>,
    deletion: Vec<String>,
    deletion_settings: Vec<String>,
    lists: Vec<(&'static str, Vec<String>)>,
    unique: Vec<(String, Vec<String>)>,
    pairs: Vec<(&'static str, Vec<TokenStream>)>,
    scope: Option<String>,
    flushes_pending: Option<(String, String)>,
}

/// Attributes without arguments, and the fields of the schema in which they list the input.
const FLAGS: &[(&str, &str)] = &[
    ("immutable", "immutable"),
    ("replace_on_change", "replace_on_change"),
    ("weak_ref", "weak_refs"),
    ("order_only", "order_only"),
    ("same_scope", "same_scope_only"),
    ("create_only", "create_only"),
];

/// Attributes with one text, and the fields of the schema in which they list the input with the text.
const NOTES: &[(&str, &str)] = &[("interrupts", "interrupts"), ("constraint", "constraints")];

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let ident = &input.ident;
    let (mut container, mut operations, mut inputs) = (Container::default(), Operations::default(), Inputs::default());
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("kind")) {
        container.parse(attribute, &mut operations, &mut inputs)?;
    }
    for field in fields(input)? {
        let (_, name) = name_of(field)?;
        for attribute in &field.attrs {
            inputs.parse(attribute, &name, &mut operations)?;
        }
        inputs.all.push(name);
    }
    let Container { name, plain, attrs, tagger, base } = container;
    let name = name.ok_or_else(|| Error::new_spanned(ident, "`#[kind(name = \"service.kind\")]` is missing"))?;
    let attrs = attrs.unwrap_or_else(|| format_ident!("{ident}Attrs").into());
    let tagged = tagger.as_ref().map(|tagger| {
        let calls = quote!(<#tagger as ::infra_core::resource::Tagger>::CALLS);
        quote!(tagged: true, tag_calls: #calls,)
    });
    let (operations, declared) = (operations.schema(tagger.as_ref()), inputs.schema());
    let attributes = quote! {
        computed: <#attrs as ::infra_core::resource::Attrs>::COMPUTED,
        regenerates: <#attrs as ::infra_core::resource::Attrs>::REGENERATES,
    };
    let tagger = tagger.map_or_else(|| quote!(::infra_core::resource::Untagged), |tagger| quote!(#tagger));
    let base = base.map_or_else(|| quote!(::infra_core::resource::KindSchema::PLAIN), |base| quote!(#base));
    let all = array(&inputs.all);
    let (deletion, settings) = (array(&inputs.deletion), array(&inputs.deletion_settings));
    Ok(quote! {
        impl ::infra_core::resource::Spec for #ident {
            const KIND: &'static str = #name;
            const SCHEMA: ::infra_core::resource::KindSchema =
                ::infra_core::resource::KindSchema { #plain #tagged #operations #declared #attributes ..#base };
            const INPUTS: &'static [&'static str] = #all;
            const DELETION_INPUTS: &'static [&'static str] = #deletion;
            const DELETION_SETTINGS: &'static [&'static str] = #settings;
            type Attrs = #attrs;
            type Handle = <#attrs as ::infra_core::resource::Attrs>::Handle;
            type Tagger = #tagger;
        }
    })
}

impl Container {
    fn parse(&mut self, attribute: &Attribute, operations: &mut Operations, inputs: &mut Inputs) -> Result<()> {
        attribute.parse_nested_meta(|meta| {
            if operations.parse(&meta)? {
                return Ok(());
            }
            let argument = meta.path.require_ident()?;
            match argument.to_string().as_str() {
                "name" => self.name = Some(text(&meta)?),
                "attrs" => self.attrs = Some(meta.value()?.parse()?),
                "tagger" => self.tagger = Some(meta.value()?.parse()?),
                "base" => self.base = Some(meta.value()?.parse()?),
                "unique" => inputs.unique.push((String::new(), texts(&meta)?)),
                "summary" | "delete_blockers" => {
                    let text = text(&meta)?;
                    self.plain.extend(quote!(#argument: #text,));
                }
                "replacement_impact" => {
                    let text = text(&meta)?;
                    self.plain.extend(quote!(#argument: Some(#text),));
                }
                "create_seconds"
                | "ready_seconds"
                | "ready_least_seconds"
                | "ready_most_seconds"
                | "delete_seconds"
                | "returns_seconds" => {
                    let seconds: Expr = meta.value()?.parse()?;
                    self.plain.extend(quote!(#argument: #seconds,));
                }
                "arns" => {
                    let arns = array(&texts(&meta)?);
                    self.plain.extend(quote!(arns: #arns,));
                }
                "repeat" => {
                    let how = match text(&meta)?.as_str() {
                        "name" => quote!(Name),
                        "token" => quote!(Token),
                        "setting" => quote!(Setting),
                        "tags" => quote!(Tags),
                        _ => return Err(meta.error("expected `name`, `token`, `setting` or `tags`")),
                    };
                    self.plain.extend(quote!(repeat: Some(::infra_core::resource::Repeat::#how),));
                }
                "holds_data" | "global" | "is_scope" => self.plain.extend(quote!(#argument: true,)),
                _ => return Err(meta.error("unknown argument of `#[kind]`")),
            }
            Ok(())
        })
    }
}

impl Inputs {
    fn parse(&mut self, attribute: &Attribute, input: &str, operations: &mut Operations) -> Result<()> {
        for (name, list) in FLAGS {
            if is_flag(attribute, name)? {
                self.add(list, input);
            }
        }
        for (name, list) in NOTES {
            if attribute.path().is_ident(name) {
                let note: LitStr = attribute.parse_args()?;
                self.add_pair(list, quote!((#input, #note)));
            }
        }
        if attribute.path().is_ident("compare") {
            let comparison = match attribute.parse_args::<Ident>()?.to_string().as_str() {
                "ignore_case" => quote!(IgnoreCase),
                "version_prefix" => quote!(VersionPrefix),
                "template" => quote!(Template),
                "chosen" => quote!(Chosen),
                _ => {
                    let message = "expected `ignore_case`, `version_prefix`, `template` or `chosen`";
                    return Err(Error::new_spanned(attribute, message));
                }
            };
            self.add_pair("comparisons", quote!((#input, ::infra_core::resource::Comparison::#comparison)));
        }
        if is_flag(attribute, "scope")? {
            self.scope = Some(input.to_owned());
        } else if attribute.path().is_ident("static_keys") {
            let keys: Path = attribute.parse_args()?;
            self.add_pair("static_keys", quote!((#input, #keys)));
        } else if attribute.path().is_ident("flushes_pending") {
            self.flushes_pending = Some((input.to_owned(), attribute.parse_args::<LitStr>()?.value()));
        } else if attribute.path().is_ident("unique") {
            self.unique(attribute, input)?;
        } else if attribute.path().is_ident("deletion") {
            self.deletion.push(input.to_owned());
            if attribute.meta.require_path_only().is_err() {
                attribute.parse_nested_meta(|meta| {
                    if !meta.path.is_ident("setting") {
                        return Err(meta.error("expected `setting`"));
                    }
                    self.deletion_settings.push(input.to_owned());
                    Ok(())
                })?;
            }
        } else if attribute.path().is_ident("update") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("call") {
                    operations.trigger(text(&meta)?, input);
                } else if meta.path.is_ident("seconds") {
                    let seconds: LitInt = meta.value()?.parse()?;
                    self.add_pair("change_seconds", quote!((#input, #seconds)));
                } else if meta.path.is_ident("maintenance_window") {
                    self.add("maintenance_window", input);
                } else {
                    return Err(meta.error("expected `call`, `seconds` or `maintenance_window`"));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn unique(&mut self, attribute: &Attribute, input: &str) -> Result<()> {
        let mut groups = Vec::new();
        if attribute.meta.require_path_only().is_ok() {
            groups.push(String::new());
        } else {
            attribute.parse_nested_meta(|meta| {
                groups.push(meta.path.require_ident()?.to_string());
                Ok(())
            })?;
        }
        for group in groups {
            match self.unique.iter_mut().find(|(name, _)| *name == group) {
                Some((_, inputs)) => inputs.push(input.to_owned()),
                None => self.unique.push((group, vec![input.to_owned()])),
            }
        }
        Ok(())
    }

    fn add(&mut self, list: &'static str, input: &str) {
        match self.lists.iter_mut().find(|(name, _)| *name == list) {
            Some((_, inputs)) => inputs.push(input.to_owned()),
            None => self.lists.push((list, vec![input.to_owned()])),
        }
        if list == "replace_on_change" {
            self.add("immutable", input);
        }
    }

    fn add_pair(&mut self, list: &'static str, pair: TokenStream) {
        match self.pairs.iter_mut().find(|(name, _)| *name == list) {
            Some((_, pairs)) => pairs.push(pair),
            None => self.pairs.push((list, vec![pair])),
        }
    }

    fn schema(&self) -> TokenStream {
        let mut schema = TokenStream::new();
        for (list, inputs) in &self.lists {
            let (list, inputs): (Ident, _) = (format_ident!("{list}"), array(inputs));
            schema.extend(quote!(#list: #inputs,));
        }
        for (list, pairs) in &self.pairs {
            let list = format_ident!("{list}");
            schema.extend(quote!(#list: &[#(#pairs),*],));
        }
        if !self.unique.is_empty() {
            let groups = self.unique.iter().map(|(_, inputs)| array(inputs));
            schema.extend(quote!(unique: &[#(#groups),*],));
        }
        if let Some(scope) = &self.scope {
            schema.extend(quote!(scope: Some(#scope),));
        }
        if let Some((input, attribute)) = &self.flushes_pending {
            schema.extend(quote!(flushes_pending: Some((#input, #attribute)),));
        }
        schema
    }
}
