//! The process that runs the inputs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::generator::Generator;
use crate::target::Target;

/// Names the directory in which the child finds its order and leaves its results.
pub(crate) const CHILD: &str = "MIGRATE_INFRA_FUZZ_CHILD";
/// The time of the processor that the parser may take for one input. Other programs on the machine do not count.
const LIMIT: Duration = Duration::from_secs(10);
/// The time on the wall after which a parser that waits for something has failed.
const PATIENCE: Duration = Duration::from_mins(5);
/// The stack of a worker thread of the program.
const STACK: usize = 2 << 20;
/// The memory that the child may add to what it has at its start, in bytes of address space.
const MEMORY: u64 = 2 << 30;

/// What the child is to run: `seed first end`, or `input` for the input in the file of this name.
pub(crate) const ORDER: &str = "order";
/// The input to run alone.
pub(crate) const INPUT: &str = "input";
/// The number of the input that runs, in eight bytes.
pub(crate) const PROGRESS: &str = "progress";
/// Why an input failed.
pub(crate) const FAILURE: &str = "failure";
/// How many inputs were accepted, when all have run.
pub(crate) const DONE: &str = "done";

/// Returns the directory if this process is a child.
pub(crate) fn directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Runs the order. Ends the process at the first input that fails.
pub(crate) fn run(target: &Target, directory: &Path) {
    bound_memory();
    let last_panic = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&last_panic);
    std::panic::set_hook(Box::new(move |info| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let progress = File::create(directory.join(PROGRESS)).expect("a file for the progress");
    let order = fs::read_to_string(directory.join(ORDER)).expect("the order");
    let at = AtomicU64::new(0);
    let accepted = std::thread::scope(|scope| {
        let work = || {
            let run_one = |number: u64, input: &[u8]| {
                at.store(number + 1, Ordering::Relaxed);
                progress.write_all_at(&number.to_le_bytes(), 0).expect("the progress is written");
                catch_unwind(AssertUnwindSafe(|| (target.run)(input)))
                    .unwrap_or_else(|_| fail(directory, &last_panic.lock().unwrap_or_else(PoisonError::into_inner)))
            };
            if order == INPUT {
                return u64::from(run_one(0, &fs::read(directory.join(INPUT)).expect("the input")));
            }
            let numbers: Vec<u64> = order.split(' ').map(|number| number.parse().expect("a number")).collect();
            let generator = Generator::new(target, numbers[0]);
            (numbers[1]..numbers[2]).map(|number| u64::from(run_one(number, &generator.input(number)))).sum::<u64>()
        };
        let worker = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).expect("a thread");
        watch(directory, &at, || worker.is_finished());
        worker.join().expect("the worker ends")
    });
    fs::write(directory.join(DONE), accepted.to_string()).expect("the result is written");
}

/// Ends the process when an input takes too long.
fn watch(directory: &Path, at: &AtomicU64, is_finished: impl Fn() -> bool) {
    let (mut seen, mut since, mut used) = (0, Instant::now(), processor_time());
    // Short runs, as in a shrinking, end quickly; long ones are looked at rarely.
    let mut pause = Duration::from_millis(1);
    while !is_finished() {
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
        let now = at.load(Ordering::Relaxed);
        if now != seen {
            (seen, since, used) = (now, Instant::now(), processor_time());
        } else if processor_time().saturating_sub(used) > LIMIT {
            fail(directory, &format!("it took more than {} seconds", LIMIT.as_secs()));
        } else if since.elapsed() > PATIENCE {
            fail(directory, &format!("it waited for more than {} seconds", PATIENCE.as_secs()));
        }
    }
}

/// Returns how long this process has used a processor. One input at a time runs in it.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}

fn fail(directory: &Path, why: &str) -> ! {
    let _ = fs::write(directory.join(FAILURE), why);
    std::process::exit(1);
}

/// Bounds the address space. An allocation beyond it ends the process. Only Linux tells how much is in use.
fn bound_memory() {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return };
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
    let Some(kilobytes) = size.and_then(|size| size.parse::<u64>().ok()) else { return };
    let current = Some(kilobytes * 1024 + MEMORY);
    let maximum = getrlimit(Resource::As).maximum;
    setrlimit(Resource::As, Rlimit { current, maximum }).expect("a process can lower its limits");
}
