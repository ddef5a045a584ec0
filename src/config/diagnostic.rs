//! The mistakes in a configuration. All of them are reported at once, each with its position.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use infra_base::terminal_text::plain;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One mistake in the configuration.
#[derive(Clone, Debug)]
pub struct ConfigDiagnostic {
    /// The message: a fragment that names the key.
    pub message: String,
    /// The help: what to write instead.
    pub help: Option<String>,
    /// The position in the file, in bytes.
    pub span: Option<std::ops::Range<usize>>,
    /// The file, which all diagnostics share.
    pub file: Option<Arc<NamedSource<String>>>,
}

impl ConfigDiagnostic {
    /// Creates a diagnostic that points to no place in the file.
    pub(crate) fn without_place(message: String) -> Self {
        Self { message, help: None, span: None, file: None }
    }
}

impl fmt::Display for ConfigDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.message))
    }
}

impl std::error::Error for ConfigDiagnostic {}

impl Diagnostic for ConfigDiagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(plain(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.file.as_ref().filter(|_| self.span.is_some()).map(|file| file.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::at(span, "here"))))
    }
}

/// The reason why a configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The configuration has mistakes.
    #[error(
        "the configuration has {}",
        match .0.len() { 1 => "a mistake".to_owned(), many => format!("{many} mistakes") }
    )]
    Mistakes(Vec<ConfigDiagnostic>),
}
