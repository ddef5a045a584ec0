//! One list call instead of many single reads: a refresh lists all resources of a type in a region once, and each
//! resource finds itself in the result. A step that may change something reads its own resource, unless no run has
//! begun to create it. The checks before a run share their reads in the same way.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::error::Result;
use infra_base::address::Location;

type List = Arc<dyn Any + Send + Sync>;
type Lists = HashMap<(Location, Cow<'static, str>), Arc<OnceCell<List>>>;

/// The listings of one refresh, or of the checks before one run.
#[derive(Default)]
pub struct ListCache {
    lists: Mutex<Lists>,
}

impl ListCache {
    /// Returns the listing named `what` of a region. It is requested only once.
    ///
    /// # Errors
    /// The error of `list`.
    pub(super) async fn get<T, Fut>(
        &self,
        location: &Location,
        what: Cow<'static, str>,
        list: impl FnOnce() -> Fut + Send,
    ) -> Result<Option<Arc<Vec<T>>>>
    where
        T: Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<T>>> + Send,
    {
        let cell = self.cell(location, what);
        let list = cell.get_or_try_init(|| async { list().await.map(|all| Arc::new(all) as List) }).await?;
        Ok(Arc::clone(list).downcast().ok())
    }

    fn cell(&self, location: &Location, what: Cow<'static, str>) -> Arc<OnceCell<List>> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lists.entry((location.clone(), what)).or_default())
    }
}
