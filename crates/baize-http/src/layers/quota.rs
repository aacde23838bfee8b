//! How many requests each client has under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baize_core::{ErrorCode, Fault};

/// Counts per client. Holds an entry only while a client has a request under way, so it cannot grow beyond
/// the number of open requests.
pub(crate) struct Quota {
    most: usize,
    in_flight: Mutex<HashMap<String, usize>>,
}

impl Quota {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, in_flight: Mutex::default() })
    }

    /// Counts one more request of the client until the ticket is dropped.
    pub(crate) fn enter(self: &Arc<Self>, client: &str) -> Result<Ticket, Fault> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let count = in_flight.entry(client.to_owned()).or_default();
        if *count >= self.most {
            let text =
                format!("This client has {} requests under way, which is the most it may have.", self.most);
            return Err(Fault::new(ErrorCode::QuotaExceeded, text).retry_after(Duration::from_secs(1)));
        }
        *count += 1;
        Ok(Ticket { quota: Arc::clone(self), client: client.to_owned() })
    }
}

/// One request under way.
pub(crate) struct Ticket {
    quota: Arc<Quota>,
    client: String,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut in_flight = self.quota.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = in_flight.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                in_flight.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_count_and_gets_it_back() {
        let quota = Quota::new(2);
        let first = quota.enter("a").unwrap();
        let _second = quota.enter("a").unwrap();
        assert_eq!(quota.enter("a").err().unwrap().code, ErrorCode::QuotaExceeded);
        let other = quota.enter("b").unwrap();
        drop(first);
        assert!(quota.enter("a").is_ok());
        drop(other);
        assert!(!quota.in_flight.lock().unwrap().contains_key("b"), "an idle client leaves no entry");
    }
}
