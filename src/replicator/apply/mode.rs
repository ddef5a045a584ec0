//! Applies transactions in the mode of the task: in batches, or one after the other.

use super::applier::{Applied, Applier, Planned};
use super::batch;
use super::error::ApplyError;
use crate::model::Transaction;

impl Applier {
    /// Applies transactions. Those at or before the position of an earlier call are skipped.
    ///
    /// # Errors
    /// Returns an error if the environment failed, or if a policy stops the task. What was committed before stays, and
    /// [`Applier::applied`] reports it.
    pub async fn apply(&mut self, transactions: &[Transaction]) -> Result<Applied, ApplyError> {
        let start = transactions.partition_point(|transaction| transaction.commit_lsn <= self.applied().position);
        let transactions = &transactions[start..];
        if self.options.batch {
            let planned: Vec<_> = transactions.iter().map(|transaction| self.planned(transaction)).collect();
            batch::apply(self, &planned).await?;
            return Ok(self.applied());
        }
        let mut group: Vec<Planned> = Vec::new();
        let mut size = 0;
        for transaction in transactions {
            let planned = self.planned(transaction);
            size += planned.items.len();
            group.push(planned);
            if size >= self.options.min_transaction_size {
                self.apply_group(&group.iter().map(Planned::unit).collect::<Vec<_>>()).await?;
                group.clear();
                size = 0;
            }
        }
        self.apply_group(&group.iter().map(Planned::unit).collect::<Vec<_>>()).await?;
        Ok(self.applied())
    }
}
