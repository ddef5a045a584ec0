//! The tags by which a thing is known to be ours.

/// The stack that owns a thing: `{name}/{suffix}`.
pub const OWNER_STACK: &str = "migrate-infra:stack";
/// The address inside that stack.
pub const OWNER_ADDRESS: &str = "migrate-infra:address";
/// The tag that says that this tool made a thing which belongs to the whole account.
pub const SHARED_MARK: &str = "migrate-infra:shared";
/// The tags that tell who uses such a thing begin like this; their value is the stack, a space, and the address.
pub const SHARED_USER: &str = "migrate-infra:user-";

/// Returns whether a tag is one that this tool sets by itself, whatever the configuration says.
pub fn is_mark(key: &str) -> bool {
    key == "Name" || key.starts_with("migrate-infra:")
}

/// Returns the address of a thing in this stack, if its owner, as [`owner_of`] says it, is this stack.
pub fn address_of<'a>(owner: &'a str, stack: &str) -> Option<&'a str> {
    owner.strip_prefix(&format!("the stack `{stack}` as `"))?.strip_suffix('`')
}

/// Says in words whose a thing is, judged by its tags.
pub fn owner_of<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut stack = None;
    let mut address = None;
    for (key, value) in tags {
        match key {
            OWNER_STACK => stack = Some(value),
            OWNER_ADDRESS => address = Some(value),
            _ => {}
        }
    }
    match (stack, address) {
        (Some(stack), Some(address)) => format!("the stack `{stack}` as `{address}`"),
        (Some(stack), None) => format!("the stack `{stack}`"),
        _ => "nobody that this tool knows (it has no ownership tags)".to_owned(),
    }
}
