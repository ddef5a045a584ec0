//! An error with its causes, as one line of text.

/// Returns an error and its causes, from the outermost to the innermost, with colons in between.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
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
