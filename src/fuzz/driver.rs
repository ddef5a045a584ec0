//! Starts the child process, and reports what failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::child::{CHILD, DONE, FAILURE, INPUT, ORDER, PROGRESS};
use crate::generator::Generator;
use crate::shrink::shrink;
use crate::target::Target;

/// The number of inputs, without `MIGRATE_INFRA_FUZZ`.
const INPUTS: u64 = 3_000;
/// From so many inputs on, several children share them.
const MANY: u64 = 50_000;
/// How much of an input a message shows.
const SHOWN: usize = 2_000;

/// How a child ended.
enum End {
    /// All inputs ran; so many were accepted.
    Done(u64),
    /// The input with this number failed.
    Failed { number: u64, why: String },
}

/// Runs a target.
///
/// # Errors
/// An input failed, or the inputs do not reach the parser.
pub(crate) fn run(target: &Target) -> Result<(), String> {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    if let Some(file) = std::env::var_os("MIGRATE_INFRA_FUZZ_INPUT") {
        let why = fails(target, directory, &fs::read(file).expect("the input"));
        return why.map_or(Ok(()), |why| Err(format!("{}: the input failed: {why}", target.test)));
    }
    let (count, seed) = (setting("MIGRATE_INFRA_FUZZ", INPUTS), setting("MIGRATE_INFRA_FUZZ_SEED", 1));
    let started = Instant::now();
    match order_all(target, directory, seed, count) {
        End::Done(accepted) => {
            let seconds = started.elapsed().as_secs_f64();
            println!("{}: {count} inputs with seed {seed} in {seconds:.1} s, {accepted} accepted", target.test);
            match accepted {
                0 => Err(format!("{}: no input was accepted; the inputs test nothing", target.test)),
                all if all == count => Err(format!("{}: all inputs were accepted; they test nothing", target.test)),
                _ => Ok(()),
            }
        }
        End::Failed { number, why } => {
            let input = Generator::new(target, seed).input(number);
            let short = shrink(&input, |shorter| fails(target, directory, shorter).is_some());
            let file = keep(target, &short);
            let why_short = fails(target, directory, &short).unwrap_or_default();
            let shown = String::from_utf8_lossy(&short[..short.len().min(SHOWN)]);
            Err(format!(
                "{}: input {number} of seed {seed} failed: {why}\nshort form ({} bytes, {why_short}): {shown:?}\n\
                 repeat with MIGRATE_INFRA_FUZZ_INPUT={}",
                target.test,
                short.len(),
                file.display()
            ))
        }
    }
}

/// Runs all inputs. Many of them are shared among as many children as there are cores.
fn order_all(target: &Target, directory: &Path, seed: u64, count: u64) -> End {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let children = if count < MANY { 1 } else { cores };
    let share = count.div_ceil(children);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..children)
            .map(|child| {
                let (first, end) = (child * share, count.min((child + 1) * share));
                let directory = directory.join(child.to_string());
                scope.spawn(move || {
                    fs::create_dir(&directory).expect("a directory");
                    order(target, &directory, &format!("{seed} {first} {end}"))
                })
            })
            .collect();
        let ends = runs.into_iter().map(|run| run.join().expect("a thread that ends"));
        ends.fold(End::Done(0), |all, end| match (all, end) {
            (End::Done(one), End::Done(other)) => End::Done(one + other),
            (failed @ End::Failed { .. }, _) | (_, failed) => failed,
        })
    })
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Keeps an input for a later run.
fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let directory = std::env::temp_dir().join("migrate-infra-fuzz");
    let file = directory.join(target.test.replace("::", "-"));
    fs::create_dir_all(&directory).and_then(|()| fs::write(&file, input)).expect("the input is written");
    file
}

/// Runs one input, and returns why it fails.
fn fails(target: &Target, directory: &Path, input: &[u8]) -> Option<String> {
    fs::write(directory.join(INPUT), input).expect("the input is written");
    match order(target, directory, INPUT) {
        End::Done(_) => None,
        End::Failed { why, .. } => Some(why),
    }
}

fn order(target: &Target, directory: &Path, order: &str) -> End {
    for old in [DONE, FAILURE, PROGRESS] {
        let _ = fs::remove_file(directory.join(old));
    }
    fs::write(directory.join(ORDER), order).expect("the order is written");
    let errors = fs::File::create(directory.join("errors")).expect("a file");
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args([target.test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .status()
        .expect("the child starts");
    if let Some(accepted) = fs::read_to_string(directory.join(DONE)).ok().and_then(|text| text.parse().ok()) {
        return End::Done(accepted);
    }
    let progress = fs::read(directory.join(PROGRESS)).unwrap_or_default();
    let number = progress.try_into().map(u64::from_le_bytes);
    let why = fs::read_to_string(directory.join(FAILURE)).unwrap_or_else(|_| {
        let errors = fs::read(directory.join("errors")).unwrap_or_default();
        format!("the process ended with {status}: {}", String::from_utf8_lossy(&errors).trim())
    });
    assert!(number.is_ok(), "`{}` is not the path of the test that runs the target: {why}", target.test);
    End::Failed { number: number.unwrap_or_default(), why }
}
