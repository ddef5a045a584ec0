//! Names that may have letters and digits only.

/// Joins the words of a text, each with a capital letter: `application-autoscaling` is `ApplicationAutoscaling`.
pub(crate) fn upper_camel(text: &str) -> String {
    text.split(|char: char| !char.is_ascii_alphanumeric())
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        })
        .collect()
}
