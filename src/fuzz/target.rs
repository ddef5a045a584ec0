//! What is fuzzed.

/// The form of the inputs. It decides how they can be changed besides their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A text without a tree.
    Text,
    /// A JSON document.
    Json,
    /// One JSON document a line.
    JsonLines,
    /// A TOML document.
    Toml,
}

/// A parser, and what to feed it with.
pub struct Target {
    /// The path of the test in its test program, for example `fuzz::mappings`. The child process runs only this test.
    pub test: &'static str,
    /// The form of the inputs.
    pub syntax: Syntax,
    /// Valid inputs.
    pub corpus: Vec<Vec<u8>>,
    /// Words of the language, which are inserted into inputs.
    pub tokens: &'static [&'static str],
    /// Runs the parser, checks what must hold for every input, and returns whether the input was accepted. What does
    /// not hold is a panic.
    pub run: fn(&[u8]) -> bool,
}
