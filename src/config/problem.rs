//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One mistake.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong, in one sentence fragment that names the key.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where in the file, in bytes.
    pub span: Option<std::ops::Range<usize>>,
    /// The file, shared between problems.
    pub file: Option<Arc<NamedSource<String>>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.file.as_ref().filter(|_| self.span.is_some()).map(|file| file.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::at(span, "here"))))
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{} can not be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There are mistakes in it.
    #[error("the configuration has {}", match .0.len() { 1 => "a mistake".to_owned(), many => format!("{many} mistakes") })]
    Mistakes(Vec<Problem>),
}
