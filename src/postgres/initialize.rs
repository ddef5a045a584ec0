//! Creates the files of a server.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::authority::Authority;
use super::configuration::{Applied, Configuration};
use super::connection::Password;
use super::error::PostgresError;
use super::files;
use super::formula::InstanceSize;
use super::layout::{Description, FORMAT, Layout, StoredParameters};
use super::lock::Lock;
use super::owner::Owner;
use super::programs::Installation;
use super::reachable::reachable;
use super::roles::{self, SUPERUSER};

/// The locale unless one is named: the same order and the same letters on each machine.
pub const LOCALE: &str = "C.UTF-8";
/// How long another process can take to create the server.
const LIMIT: Duration = Duration::from_mins(2);
/// How much of the output of a program an error shows.
const OUTPUT_END: usize = 2000;

/// A server to create.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// The programs.
    pub installation: Installation,
    /// The name of the endpoint, for which the certificate is valid.
    pub endpoint: String,
    /// Who signs the certificate.
    pub authority: Authority,
    /// The master user.
    pub master_user: String,
    /// The password of the master user.
    pub master_password: Password,
    /// A database to create, owned by the master user. There is always one named `postgres`.
    pub database: Option<String>,
    /// The parameters, as in an RDS parameter group.
    pub parameters: BTreeMap<String, String>,
    /// The size of the instance, for formulas in the parameters.
    pub size: InstanceSize,
    /// The locale, [`LOCALE`] if none is named.
    pub locale: Option<String>,
}

/// Creates the files, unless they exist. Returns what the parameters mean.
///
/// *Guarantees*: `server.json` is written last. What a killed process leaves is removed by the next one.
pub(super) fn initialize(layout: &Layout, spec: &ServerSpec) -> Result<Applied, PostgresError> {
    let _start = Lock::exclusive(&layout.start_lock(), LIMIT)?;
    let parameters = StoredParameters { wanted: spec.parameters.clone(), started: spec.parameters.clone() };
    if let Some(description) = layout.description()? {
        let parameters = layout.parameters()?;
        return Ok(Configuration::of(&parameters, &description.size, &description.installation)?.applied);
    }
    let owner = Owner::current();
    let description = Description {
        format: FORMAT,
        endpoint: spec.endpoint.clone(),
        installation: reachable(&spec.installation, owner)?,
        elsewhere: layout.place(owner)?,
        master_user: spec.master_user.clone(),
        size: spec.size,
    };
    let installation = &description.installation;
    let root = layout.root(&description);
    let (unfinished, data, tls) = (root.join("data.new"), layout.data(&description), root.join("tls"));
    for left in [&unfinished, &data, &tls] {
        files::remove(left)?;
    }
    let configuration = Configuration::of(&parameters, &spec.size, installation)?;
    let password = superuser_password(layout)?;
    create_cluster(installation, owner, &unfinished, &password, spec.locale.as_deref().unwrap_or(LOCALE))?;
    write_certificate(layout, spec, &tls, owner)?;
    configuration.write(installation, &unfinished)?;
    let verifier = roles::verifier(spec.master_password.reveal());
    let setup = roles::setup(installation.version.major, &spec.master_user, &verifier, spec.database.as_deref());
    run_alone(installation, owner, &unfinished, &setup)?;
    std::fs::rename(&unfinished, &data).map_err(PostgresError::io("create", &data))?;
    layout.write_parameters(&parameters)?;
    layout.write_description(&description)?;
    Ok(configuration.applied)
}

/// Returns the password of the superuser; the first call chooses it.
fn superuser_password(layout: &Layout) -> Result<Password, PostgresError> {
    let path = layout.superuser_password();
    if let Some(text) = files::read(&path)? {
        return Ok(text.into());
    }
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| PostgresError::Random(error.to_string()))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    files::write(&path, &text, 0o600)?;
    Ok(text.into())
}

/// Runs `initdb`. With checksums, the witness notices a damaged page. Without synchronization, as `fsync=off` later.
fn create_cluster(
    installation: &Installation,
    owner: Owner,
    data: &Path,
    password: &Password,
    locale: &str,
) -> Result<(), PostgresError> {
    files::create_directory(data, 0o700)?;
    owner.give(data)?;
    // `initdb` wants an empty directory, so the file with the password is beside it.
    let password_file = data.with_extension("password");
    files::write(&password_file, password.reveal(), 0o600)?;
    owner.give(&password_file)?;
    let program = installation.program("initdb");
    let mut command = owner.command(&program);
    command.args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"]);
    command.args(["--data-checksums", "--no-instructions", "--locale", locale]);
    command.arg("--pwfile").arg(&password_file).arg("--pgdata").arg(data);
    let output = command.output().map_err(PostgresError::io("run", &program));
    files::remove(&password_file)?;
    succeeded(&program, &output?)
}

/// Writes the certificate of the server, and the one that its clients trust.
fn write_certificate(layout: &Layout, spec: &ServerSpec, tls: &Path, owner: Owner) -> Result<(), PostgresError> {
    let issued = spec.authority.issue(&spec.endpoint)?;
    files::create_directory(tls, 0o711)?;
    // "The permissions on server.key must disallow any access to world or group" ("Secure TCP/IP Connections with
    // SSL").
    for (name, text, mode) in [("server.crt", &issued.certificate, 0o644), ("server.key", &issued.key, 0o600)] {
        files::write(&tls.join(name), text, mode)?;
        owner.give(&tls.join(name))?;
    }
    let authority = spec.authority.certificate_file();
    let trusted = std::fs::read_to_string(&authority).map_err(PostgresError::io("read", &authority))?;
    files::write(&layout.trusted_certificate(), &trusted, 0o644)
}

/// Runs statements in a server that nobody can connect to ("single-user mode"). `-j` ends a statement at a semicolon
/// followed by an empty line.
fn run_alone(installation: &Installation, owner: Owner, data: &Path, sql: &[String]) -> Result<(), PostgresError> {
    let program = installation.program("postgres");
    let mut command = owner.command(&program);
    command.args(["--single", "-j", "-D"]).arg(data);
    // Without the first, an error is only printed. Without the second, a failed statement is printed with its text.
    command.args(["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "postgres"]);
    let text: String = sql.iter().map(|statement| format!("{statement};\n\n")).collect();
    let output = run_with_input(&mut command, &text).map_err(PostgresError::io("run", &program))?;
    succeeded(&program, &output)
}

fn run_with_input(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has failed does not read; its output says why. The input fits into the pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

fn succeeded(program: &Path, output: &Output) -> Result<(), PostgresError> {
    if output.status.success() {
        return Ok(());
    }
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    let start = text.char_indices().rev().nth(OUTPUT_END).map_or(0, |(index, _)| index);
    Err(PostgresError::Failed { program: program.to_owned(), output: text[start..].trim().to_owned() })
}
