//! The objects of one stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::guard::Unreadable;

/// Objects that left and that nobody has asked for are forgotten beyond this: an
/// operator that does not lead asks for none.
const MOST_DEPARTED: usize = 1024;

/// By namespace and name.
pub(super) type Key = (Option<String>, String);

#[derive(Debug)]
pub(super) struct Store<K> {
    objects: RwLock<HashMap<Key, Arc<K>>>,
    /// Objects that are there and cannot be read.
    unreadable: Mutex<HashMap<Key, Arc<Unreadable>>>,
    departed: Mutex<Vec<Arc<K>>>,
    is_filled: AtomicBool,
}

impl<K> Store<K> {
    pub(super) fn new() -> Self {
        Self {
            objects: RwLock::default(),
            unreadable: Mutex::default(),
            departed: Mutex::default(),
            is_filled: AtomicBool::new(false),
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<K>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Whether a whole list was put in once.
    pub(super) fn is_filled(&self) -> bool {
        self.is_filled.load(Ordering::Acquire)
    }

    pub(super) fn unreadable(&self) -> Vec<Arc<Unreadable>> {
        self.lock_unreadable().values().cloned().collect()
    }

    /// What there is now; what is not among it has left.
    pub(super) fn replace(
        &self,
        objects: HashMap<Key, Arc<K>>,
        unreadable: HashMap<Key, Arc<Unreadable>>,
    ) {
        let mut held = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        for (key, object) in std::mem::replace(&mut *held, objects) {
            if !held.contains_key(&key) && !unreadable.contains_key(&key) {
                self.depart(object);
            }
        }
        *self.lock_unreadable() = unreadable;
        self.is_filled.store(true, Ordering::Release);
    }

    pub(super) fn put(&self, key: Key, object: Arc<K>) {
        self.lock_unreadable().remove(&key);
        self.objects.write().unwrap_or_else(PoisonError::into_inner).insert(key, object);
    }

    /// An object is not any more what can be read: what it was is not what it is.
    pub(super) fn put_unreadable(&self, key: Key, object: Arc<Unreadable>) {
        self.objects.write().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.lock_unreadable().insert(key, object);
    }

    /// An object left; `last` is how it was then, if that can be read.
    pub(super) fn remove(&self, key: &Key, last: Option<Arc<K>>) {
        self.lock_unreadable().remove(key);
        self.objects.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        if let Some(last) = last {
            self.depart(last);
        }
    }

    /// Objects that left since the last call.
    pub(super) fn take_departed(&self) -> Vec<Arc<K>> {
        std::mem::take(&mut *self.departed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock_unreadable(&self) -> MutexGuard<'_, HashMap<Key, Arc<Unreadable>>> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn depart(&self, object: Arc<K>) {
        let mut departed = self.departed.lock().unwrap_or_else(PoisonError::into_inner);
        if departed.len() == MOST_DEPARTED {
            departed.remove(0);
        }
        departed.push(object);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn key(name: &str) -> Key {
        (Some("measurement".to_owned()), name.to_owned())
    }

    fn departed(store: &Store<&'static str>) -> Vec<&'static str> {
        store.take_departed().iter().map(|object| **object).collect()
    }

    #[test]
    fn what_leaves_is_told_once_whether_it_was_seen_or_missed() {
        let store = Store::new();
        assert!(!store.is_filled());
        let both = HashMap::from([(key("a"), Arc::new("a")), (key("b"), Arc::new("b"))]);
        store.replace(both, HashMap::new());
        assert!(store.is_filled());
        store.remove(&key("a"), Some(Arc::new("a at its end")));
        // A list after a watch that was away.
        store.replace(HashMap::from([(key("c"), Arc::new("c"))]), HashMap::new());
        assert_eq!(departed(&store), ["a at its end", "b"]);
        assert_eq!(departed(&store), [""; 0]);
        assert_eq!(store.all(), [Arc::new("c")]);
    }

    #[test]
    fn what_nobody_asks_for_does_not_pile_up() {
        let store = Store::new();
        for _ in 0..=MOST_DEPARTED {
            store.remove(&key("a"), Some(Arc::new("a")));
        }
        assert_eq!(store.take_departed().len(), MOST_DEPARTED);
    }

    fn unreadable() -> Arc<Unreadable> {
        Arc::new(Unreadable {
            kind: "Pod".to_owned(),
            api_version: "v1".to_owned(),
            metadata: ObjectMeta::default(),
            why: "unknown variant".to_owned(),
        })
    }

    #[test]
    fn what_can_be_read_no_more_is_there_and_has_not_left() {
        let store = Store::new();
        store.put(key("a"), Arc::new("a"));
        store.put_unreadable(key("a"), unreadable());
        assert_eq!((store.all().len(), store.unreadable().len()), (0, 1));
        store.put(key("a"), Arc::new("a"));
        assert_eq!((store.all().len(), store.unreadable().len()), (1, 0));
        // So says a list.
        store.replace(HashMap::new(), HashMap::from([(key("a"), unreadable())]));
        assert_eq!((store.all().len(), store.unreadable().len()), (0, 1));
        assert_eq!(departed(&store), [""; 0]);
        store.remove(&key("a"), None);
        assert_eq!(store.unreadable().len(), 0);
    }
}
