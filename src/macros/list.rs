//! What both derive macros share: reading fields and lists of texts.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Result, Token, parenthesized};

/// Returns the named fields of a struct.
pub(crate) fn fields(input: &DeriveInput) -> Result<Vec<&Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Ok(named.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(_) => Err(Error::new_spanned(&input.ident, "the fields must have names")),
        },
        _ => Err(Error::new_spanned(&input.ident, "only a struct can declare a kind")),
    }
}

/// Returns a field's identifier and its name in JSON.
pub(crate) fn name_of(field: &Field) -> Result<(&Ident, String)> {
    let ident = field.ident.as_ref().ok_or_else(|| Error::new_spanned(field, "the field must have a name"))?;
    Ok((ident, ident.unraw().to_string()))
}

/// Returns whether an attribute has this name, and fails when one without arguments has some.
pub(crate) fn is_flag(attribute: &Attribute, name: &str) -> Result<bool> {
    if !attribute.path().is_ident(name) {
        return Ok(false);
    }
    attribute.meta.require_path_only().map(|_| true)
}

/// Reads `("a", "b")`.
pub(crate) fn texts(meta: &ParseNestedMeta<'_>) -> Result<Vec<String>> {
    let content;
    parenthesized!(content in meta.input);
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(texts.iter().map(LitStr::value).collect())
}

/// Reads `= "a"`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

/// Writes `&["a", "b"]`.
pub(crate) fn array(texts: &[String]) -> TokenStream {
    quote!(&[#(#texts),*])
}

/// Appends what is not in the list yet.
pub(crate) fn extend_unique(list: &mut Vec<String>, more: &[String]) {
    for text in more {
        if !list.contains(text) {
            list.push(text.clone());
        }
    }
}
