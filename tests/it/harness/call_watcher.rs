//! Sees the calls of the runs of a thread before the sandbox carries them out.

use std::cell::RefCell;
use std::sync::Arc;

use migrate_infra::sandbox::{Sandbox, WatchedCall};

type Watch = Arc<dyn Fn(&WatchedCall<'_>) + Send + Sync>;

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Shows every call of the fixtures of this thread to `watch` while `work` runs.
pub fn during(watch: impl Fn(&WatchedCall<'_>) + Send + Sync + 'static, work: impl FnOnce()) {
    OF_THIS_THREAD.with_borrow_mut(|current| *current = Some(Arc::new(watch)));
    work();
    OF_THIS_THREAD.with_borrow_mut(|current| *current = None);
}

/// Shows the calls of a sandbox to the watcher of this thread, if there is one.
pub fn attach(sandbox: &Sandbox) {
    if let Some(watch) = OF_THIS_THREAD.with_borrow(Clone::clone) {
        sandbox.watch(move |call| watch(call));
    }
}
