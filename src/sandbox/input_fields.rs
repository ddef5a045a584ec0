//! Which fields of an input are set.
//!
//! The SDK's input types can neither be destructured exhaustively nor enumerated. Their `Debug` output names every
//! field. A field is set unless it is `None` or an empty list. Fields that the SDK marks as sensitive are always
//! printed as redacted; they count as not set.

/// Returns the fields that are set in `debug`, the `Debug` output of an input, and are not among `known`.
pub fn unsupported(debug: &str, known: &[&str]) -> Vec<String> {
    fields(debug)
        .into_iter()
        .filter(|(name, value)| is_set(value) && !known.contains(name))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn is_set(value: &str) -> bool {
    !matches!(value, "None" | "Some([])" | "[]") && !value.contains("Sensitive Data Redacted")
}

/// Returns the outermost fields of `Name { field: value, … }`.
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
    fn a_set_field_that_is_not_known_is_reported() {
        let input = CreateVpcInput::builder().cidr_block("10.0.0.0/16 \", {").dry_run(false).build().unwrap();
        let debug = format!("{input:?}");
        assert_eq!(unsupported(&debug, &["cidr_block", "dry_run"]), Vec::<String>::new());
        assert_eq!(unsupported(&debug, &["cidr_block"]), ["dry_run"]);
    }
}
