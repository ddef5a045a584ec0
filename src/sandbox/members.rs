//! Which members of an input are set.
//!
//! The SDK's input types can neither be taken apart exhaustively nor listed; what they offer is their `Debug` form, which
//! names every member. A member is set unless it is `None` or an empty list. Members that the SDK hides as sensitive always
//! print as hidden; they count as not set.

/// Returns the members that are set in `debug`, the `Debug` form of an input, and are not among `known`.
pub fn unknown(debug: &str, known: &[&str]) -> Vec<String> {
    fields(debug).into_iter().filter(|(name, value)| is_set(value) && !known.contains(name)).map(|(name, _)| name.to_owned()).collect()
}

fn is_set(value: &str) -> bool {
    !matches!(value, "None" | "Some([])" | "[]") && !value.contains("Sensitive Data Redacted")
}

/// The outermost fields of `Name { field: value, … }`.
fn fields(debug: &str) -> Vec<(&str, &str)> {
    let Some((_, rest)) = debug.split_once(" { ") else { return Vec::new() };
    let body = rest.strip_suffix(" }").unwrap_or(rest);
    let mut found = Vec::new();
    let (mut depth, mut start, mut quoted, mut escaped) = (0_i32, 0, false, false);
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth -= 1,
            b',' if depth == 0 => {
                found.extend(body[start..at].trim().split_once(": "));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.extend(body[start..].trim().split_once(": "));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::operation::create_vpc::CreateVpcInput;

    #[test]
    fn a_member_that_is_set_and_not_known_is_found() {
        let input = CreateVpcInput::builder().cidr_block("10.0.0.0/16 \", {").dry_run(false).build().unwrap();
        let debug = format!("{input:?}");
        assert_eq!(unknown(&debug, &["cidr_block", "dry_run"]), Vec::<String>::new());
        assert_eq!(unknown(&debug, &["cidr_block"]), ["dry_run"]);
    }
}
