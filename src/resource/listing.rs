//! One listing in the place of many single looks: all things of one sort in one region are asked for once, and every resource takes its own
//! out of the answer. Only a survey does so; a step that may change something always looks at its thing itself.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::context::Cx;
use super::error::Result;
use crate::address::Region;

type List = Arc<dyn Any + Send + Sync>;
type Lists = HashMap<(Region, &'static str), Arc<OnceCell<List>>>;

/// The listings of one survey.
#[derive(Default)]
pub struct Listing {
    lists: Mutex<Lists>,
}

impl Listing {
    fn cell(&self, region: &Region, what: &'static str) -> Arc<OnceCell<List>> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lists.entry((region.clone(), what)).or_default())
    }
}

impl Cx {
    /// Returns everything of one sort in the region, asked for once for all resources; nothing outside of a survey.
    ///
    /// # Errors
    /// What `list` returns.
    pub async fn listed<T, Fut>(&self, what: &'static str, list: impl FnOnce() -> Fut + Send) -> Result<Option<Arc<Vec<T>>>>
    where
        T: Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<T>>> + Send,
    {
        let Some(listing) = &self.listing else { return Ok(None) };
        let cell = listing.cell(&self.region, what);
        let list = cell.get_or_try_init(|| async { list().await.map(|all| Arc::new(all) as List) }).await?;
        Ok(Arc::clone(list).downcast().ok())
    }
}
