//! The causes of an error, as text.

/// Returns an error and its causes, from the outermost to the innermost, with colons in between.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::once(error.to_string()).chain(causes(error)).collect::<Vec<_>>().join(": ")
}

/// Returns the causes of an error, without itself, the outermost first.
pub fn causes(error: &dyn std::error::Error) -> impl Iterator<Item = String> {
    std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file cannot be read")]
    struct Unreadable(#[source] std::io::Error);

    #[test]
    fn the_innermost_cause_comes_last() {
        let error = Unreadable(std::io::Error::other("the disk is gone"));
        assert_eq!(with_causes(&error), "the file cannot be read: the disk is gone");
    }
}
