//! `policy`: the least IAM policy for a command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::CliError;
use crate::cli::explain::Failure;
use crate::cli::options::EnvironmentArgs;
use crate::cli::ui::{stderr, stdout};
use infra_base::file::{self, Access as FileAccess};
use infra_permissions::{Access, Format, Policy, pretty, render};
use infra_workflow::permissions::policies;

/// Write the least IAM policy for a command, for whoever grants the permissions.
///
/// It follows from what each kind of resource declares that it calls (`config resources`). Names of the stack narrow
/// it, and the tag `migrate-infra:stack` where AWS chooses the ids. There is a policy for each account, in as many
/// documents as the size limit of IAM (6,144 characters) requires. It makes no call to AWS.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  migrate-infra policy up down --out policies\n  \
                        migrate-infra policy cutover --format terraform > cutover.tf\n  \
                        migrate-infra policy read-only --env source")]
pub struct PolicyArgs {
    /// Commands that the policy must allow.
    #[arg(value_enum, required = true, value_name = "COMMAND")]
    commands: Vec<Command>,
    #[command(flatten)]
    environments: EnvironmentArgs,
    /// Form of the policy.
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json)]
    format: PolicyFormat,
    /// Write a file for each policy document into this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A command, or several that need the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Command {
    /// Everything that changes nothing: `plan`, `status`, `drift`, `watch` and others.
    ReadOnly,
    /// `up` and `rollback`.
    Up,
    /// `down`.
    Down,
    /// `replication`.
    Replication,
    /// `traffic`.
    Traffic,
    /// `cutover`, with the traffic and the replication.
    Cutover,
}

/// Form of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PolicyFormat {
    /// Documents for `aws iam create-policy`.
    Json,
    /// Resources `aws_iam_policy`.
    Terraform,
    /// A template with managed policies.
    Cloudformation,
}

impl Command {
    fn access(self) -> Access {
        match self {
            Self::ReadOnly => Access::ReadOnly,
            Self::Up => Access::Up,
            Self::Down => Access::Down,
            Self::Replication => Access::Replication,
            Self::Traffic => Access::Traffic,
            Self::Cutover => Access::Cutover,
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// A policy document as a file or a part of the output.
struct Document {
    name: String,
    account: Option<String>,
    text: String,
}

pub(in crate::cli) async fn run(app: &App, args: &PolicyArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let state = workspace.read_state().await?;
    let commands: Vec<Access> = args.commands.iter().map(|command| command.access()).collect();
    let policies = policies(&workspace.config, &state, &args.environments.selection(), &commands)?;
    let names: Vec<String> = args.commands.iter().map(|command| command.name()).collect();
    let base = format!("{}-{}", workspace.config.stack.id().replace('/', "-"), names.join("-"));
    let description = format!("migrate-infra {} on {}", names.join(", "), workspace.config.stack.id());
    if app.options.is_json() {
        stdout(&as_json(&policies, &base).to_string());
        return Ok(0);
    }
    let documents: Vec<Document> = policies
        .iter()
        .flat_map(|policy| documents(policy, &named(&base, policy, policies.len()), &description, args.format))
        .collect();
    match &args.out {
        Some(directory) => write(directory, &documents, args.format)?,
        None => show(&documents, args.format),
    }
    Ok(0)
}

/// Returns the name of the policy of an account.
fn named(base: &str, policy: &Policy, accounts: usize) -> String {
    match &policy.account {
        Some(account) if accounts > 1 => format!("{base}-{account}"),
        _ => base.to_owned(),
    }
}

fn documents(policy: &Policy, name: &str, description: &str, format: PolicyFormat) -> Vec<Document> {
    let account = policy.account.clone();
    let one = |text, name: &str| Document { name: name.to_owned(), account: account.clone(), text };
    match format {
        PolicyFormat::Json => policy.named(name).iter().map(|(name, document)| one(pretty(document), name)).collect(),
        PolicyFormat::Terraform => vec![one(render(policy, name, description, Format::Terraform), name)],
        PolicyFormat::Cloudformation => vec![one(render(policy, name, description, Format::CloudFormation), name)],
    }
}

/// Several documents of JSON are one object with their names: a file with more than one document is of no use to IAM.
fn show(documents: &[Document], format: PolicyFormat) {
    match documents {
        [one] => stdout(one.text.trim_end()),
        several if format == PolicyFormat::Json => {
            let value = |document: &Document| serde_json::from_str::<Value>(&document.text).unwrap_or_default();
            let all: serde_json::Map<_, _> = several.iter().map(|one| (one.name.clone(), value(one))).collect();
            stdout(pretty(&Value::Object(all)).trim_end());
            stderr(&format!("{} documents; `--out DIR` writes a file for each", several.len()));
        }
        several => {
            let text: Vec<&str> = several.iter().map(|one| one.text.trim_end()).collect();
            stdout(&text.join("\n\n"));
        }
    }
}

fn write(directory: &std::path::Path, documents: &[Document], format: PolicyFormat) -> Result<(), CliError> {
    let extension = match format {
        PolicyFormat::Json | PolicyFormat::Cloudformation => "json",
        PolicyFormat::Terraform => "tf",
    };
    std::fs::create_dir_all(directory).map_err(|error| CliError::cannot_write(directory, &error))?;
    for document in documents {
        let path = directory.join(format!("{}.{extension}", document.name));
        file::replace(&path, &document.text, FileAccess::Umask)
            .map_err(|error| CliError::cannot_write(&path, &error))?;
        let account = document.account.as_ref().map_or_else(String::new, |account| format!(" for account {account}"));
        stdout(&format!("{}{account}", path.display()));
    }
    Ok(())
}

fn as_json(policies: &[Policy], base: &str) -> Value {
    let one = |policy: &Policy| {
        json!({
            "account": policy.account,
            "name": named(base, policy, policies.len()),
            "documents": policy.json(),
        })
    };
    json!({ "policies": policies.iter().map(one).collect::<Vec<_>>() })
}
