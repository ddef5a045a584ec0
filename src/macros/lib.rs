//! The derive macros with which a resource kind declares itself once, at its fields.
//!
//! `#[derive(Spec)]` on a specification generates the kind's name, schema and list of inputs. `#[derive(Attrs)]` on its
//! attributes generates the handle with one method per output, and the id. The generated code is constant data and
//! short methods only. `docs/adding-a-resource.md` shows both in use; `docs/resources.md` is generated from the result.
//!
//! *May depend on* `syn`, `quote` and `proc-macro2`.
//! *Never knows* a kind or a service: it copies the names that the attributes give.

mod attrs;
mod list;
mod operations;
mod spec;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Generates `infra_core::resource::Spec` for the specification of a kind.
///
/// # The container: `#[kind(…)]`
/// * `name`, `summary`, `delete_blockers`, `replacement_impact`: texts.
/// * `create_seconds`, `ready_seconds`, `delete_seconds`: typical times.
/// * `ready_least_seconds`, `ready_most_seconds`: between what the second of them lies, if it varies widely.
/// * `returns_seconds`: for how long after its deletion something else can create it again.
/// * `arns("…")`: what the ARNs of such resources begin with, as `"service:type/"`, if AWS lists them by their tags.
/// * `repeat`: why a repeated creation creates no second resource: `"name"`, `"token"`, `"setting"` or `"tags"`.
/// * `attrs`: the type of the attributes; the specification's name with `Attrs` behind it unless given.
/// * `tagger`: the type that sets and removes tags for the service. A kind without one carries no tags.
/// * `reads(…)`, `creates(…)`, `updates(…)`, `deletes(…)`: the API operations, as `"service:Operation"`. `updates`
///   needs only those that no field names. `permissions(…)`: IAM actions that the kind does not call itself, or only
///   for what others have left in the way of a deletion.
/// * `call_triggers(call = "…", on("…"))`: an operation that only these attributes trigger. An empty list means that no
///   input triggers it.
/// * `unique("…", "…")`: a group of inputs that must be unique together, in this order.
/// * `holds_data`, `global`, `is_scope`: flags.
/// * `base`: a schema that supplies everything that is not given here.
///
/// # The fields
/// * `#[immutable]`: a change requires a replacement. `#[replace_on_change]`: AWS could change it in place, but a
///   replacement interrupts less.
/// * `#[unique]`, `#[unique(group)]`: part of what must be unique.
/// * `#[weak_ref]`: names another resource without depending on its existence. `#[order_only]`: only delays creation.
/// * `#[scope]`: names the network that contains the resource. `#[same_scope]`: changes only within that network.
/// * `#[create_only]`: is used at creation and never again.
/// * `#[update(call = "…", seconds = 70, maintenance_window)]`: the operation that changes it (several are allowed),
///   how long that takes, and whether AWS waits for the maintenance window.
/// * `#[interrupts("…")]`: what a change interrupts. `#[constraint("…")]`: which changes AWS refuses.
/// * `#[compare(ignore_case)]`, `#[compare(version_prefix)]`, `#[compare(template)]`, `#[compare(chosen)]`: how it is
///   compared with what AWS shows, if not exactly.
/// * `#[static_keys(LIST)]`: keys of a map that take effect at the next restart.
/// * `#[flushes_pending("attribute")]`: makes AWS apply at once what waits for the maintenance window.
/// * `#[deletion]`: is used at deletion only. `#[deletion(setting)]`: is a setting in AWS, too.
#[proc_macro_derive(
    Spec,
    attributes(
        kind,
        immutable,
        replace_on_change,
        unique,
        weak_ref,
        order_only,
        scope,
        same_scope,
        create_only,
        update,
        interrupts,
        constraint,
        compare,
        static_keys,
        flushes_pending,
        deletion
    )
)]
pub fn derive_spec(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    spec::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Generates `infra_core::resource::Attrs`, and the handle, for the attributes of a kind.
///
/// # The container: `#[attrs(…)]`
/// * `id = "{role}/{name}"`: the id, as a format string over the fields, when no field has it.
/// * `id_with = function`: the id, as a function of the attributes.
/// * `computed("…")`: names of computed attributes that are not fields of their own.
///
/// # The fields
/// * `#[id]`: the id by which a person finds the resource in AWS.
/// * `#[tag_target]`: the ARN or id that the tagging calls take, when it is not the id.
/// * `#[computed]`: AWS chooses the value; a difference is no drift.
/// * `#[regenerates]`: has another value after a change in place.
/// * `#[output(created)]`, `#[output(ready)]`: other resources can refer to it, from this moment on. The method has the
///   field's name and documentation unless `name = "…"` and `doc = "…"` say otherwise, and the field's type unless
///   `ty = Type` does.
#[proc_macro_derive(Attrs, attributes(attrs, id, tag_target, computed, regenerates, output))]
pub fn derive_attrs(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    attrs::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
