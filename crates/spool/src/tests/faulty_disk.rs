//! A disk in memory that fails, forgets and tears.
//!
//! What was written but not synced is forgotten by a power failure in any
//! combination: each change of a file's bytes is kept, lost or torn, each change
//! of a name kept or lost.  File contents and names are separate, as they are on
//! a real disk: syncing a file does not make its name durable.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::io::Errno;

use crate::disk::{Disk, DiskFile, Inspection};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No space is left.
    Full,
    /// Mounted read-only.
    ReadOnly,
    /// Every call fails, and may have had its effect all the same.
    Broken,
    /// Writes take only some of the bytes; no error.
    ShortWrites,
    /// This call may be half done, and none works until the restart.
    PowerFailure,
}

/// Trouble from one call on, or for one call only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) trouble: Trouble,
    /// How many calls still work before it.
    pub(super) after: u64,
    pub(super) lasts: bool,
}

#[derive(Debug, Clone)]
pub(super) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: StdRng,
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names that are not durable.
    renaming: Vec<NameChange>,
    fault: Option<Fault>,
    failed_calls: u64,
    has_power: bool,
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Changes of bytes that are not durable.
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

#[derive(Debug)]
enum NameChange {
    Set(String, usize),
    Remove(String),
    Rename(String, String, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Listing, inspecting, opening, reading.
    Look,
    OpenToWrite,
    Create,
    Rename,
    Remove,
    Write,
    Truncate,
    Sync,
}

enum Fate {
    Works,
    /// Works on some of the bytes only.
    Short,
    Fails {
        errno: Errno,
        done_all_the_same: bool,
    },
}

impl FaultyDisk {
    /// An empty disk; `seed` decides whatever is left to chance.
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: StdRng::seed_from_u64(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renaming: Vec::new(),
            fault: None,
            failed_calls: 0,
            has_power: true,
        })))
    }

    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.state().fault
    }

    pub(super) fn failed_calls(&self) -> u64 {
        self.state().failed_calls
    }

    pub(super) fn has_power(&self) -> bool {
        self.state().has_power
    }

    /// Bytes of all files that have a name.
    pub(super) fn bytes(&self) -> u64 {
        let state = self.state();
        state.names.values().map(|file| state.files[*file].bytes.len() as u64).sum()
    }

    /// Power fails and comes back, and with it goes every trouble.
    pub(super) fn lose_power(&self) {
        let mut state = self.state();
        let State { random, files, names, durable_names, renaming, .. } = &mut *state;
        for file in files {
            file.durable = file.after_power_failure(random);
            file.bytes = file.durable.clone();
            file.changes.clear();
        }
        for change in renaming.drain(..) {
            if random.random() {
                change.apply(durable_names);
            }
        }
        *names = durable_names.clone();
        state.has_power = true;
        state.fault = None;
    }

    /// Makes a call with `effect`, unless it is hit by a fault.
    fn call<T>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        match state.fate(call) {
            Fate::Works | Fate::Short => effect(&mut state),
            Fate::Fails { errno, done_all_the_same } => {
                if done_all_the_same {
                    let _ = effect(&mut state);
                }
                Err(errno.into())
            }
        }
    }

    fn open_file(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(OpenFile { disk: self.clone(), file })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fate(&mut self, call: Call) -> Fate {
        if !self.has_power {
            return self.fails(Errno::IO, false);
        }
        let Some(Fault { trouble, after, lasts }) = &mut self.fault else { return Fate::Works };
        if *after > 0 {
            *after -= 1;
            return Fate::Works;
        }
        let trouble = *trouble;
        let is_hit = match trouble {
            Trouble::Full => matches!(call, Call::Create | Call::Rename | Call::Write | Call::Sync),
            Trouble::ReadOnly => !matches!(call, Call::Look | Call::Sync),
            Trouble::ShortWrites => call == Call::Write,
            Trouble::Broken | Trouble::PowerFailure => true,
        };
        if !*lasts {
            self.fault = None;
        }
        if !is_hit {
            return Fate::Works;
        }
        match trouble {
            Trouble::Full => self.fails(Errno::NOSPC, false),
            Trouble::ReadOnly => self.fails(Errno::ROFS, false),
            Trouble::ShortWrites => Fate::Short,
            Trouble::Broken => {
                let done_all_the_same = self.random.random();
                self.fails(Errno::IO, done_all_the_same)
            }
            Trouble::PowerFailure => {
                let done_all_the_same = self.random.random();
                self.has_power = false;
                self.fails(Errno::IO, done_all_the_same)
            }
        }
    }

    fn fails(&mut self, errno: Errno, done_all_the_same: bool) -> Fate {
        self.failed_calls += 1;
        Fate::Fails { errno, done_all_the_same }
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.renaming.push(change);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| Errno::NOENT.into())
    }

    fn change(&mut self, file: usize, change: Change) {
        change.apply(&mut self.files[file].bytes);
        self.files[file].changes.push(change);
    }

    /// A sync that failed: some is durable, and what is not stays in the cache
    /// as on ext4, or is thrown away as on XFS; it is never written again
    /// without being changed.
    fn sync_badly(&mut self, file: usize) {
        let file = &mut self.files[file];
        file.durable = file.after_power_failure(&mut self.random);
        if self.random.random() {
            file.bytes = file.durable.clone();
            file.changes.clear();
        }
    }
}

impl File {
    /// What is found of it when the power comes back.
    fn after_power_failure(&self, random: &mut StdRng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.changes {
            match (random.random_range(0..4), change) {
                (0, _) => {}
                (1, Change::Write { offset, bytes: written }) => {
                    // Its start, and perhaps its length without its bytes.
                    let mut torn = written.clone();
                    let cut = random.random_range(0..=torn.len());
                    if random.random() {
                        torn[cut..].fill(0);
                    } else {
                        torn.truncate(cut);
                    }
                    Change::Write { offset: *offset, bytes: torn }.apply(&mut bytes);
                }
                (2, Change::Write { offset, bytes: written }) => {
                    // Pages are not written in order.
                    let mut torn = written.clone();
                    let cut = random.random_range(0..=torn.len());
                    torn[..cut].fill(0);
                    Change::Write { offset: *offset, bytes: torn }.apply(&mut bytes);
                }
                _ => change.apply(&mut bytes),
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if file.len() < end && !bytes.is_empty() {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
            Self::Truncate { len } => file.resize(*len, 0),
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl Disk for FaultyDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        self.call(Call::Look, |state| Ok(state.names.keys().cloned().collect()))
    }

    fn inspect(&self, name: &str) -> io::Result<Inspection> {
        self.call(Call::Look, |state| {
            let len = state.files[state.find(name)?].bytes.len() as u64;
            Ok(Inspection { len, modified: SystemTime::now() })
        })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.call(Call::Look, |state| state.find(name)).map(|file| self.open_file(file))
    }

    fn open_to_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.call(Call::OpenToWrite, |state| state.find(name)).map(|file| self.open_file(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.call(Call::Create, |state| {
            if let Ok(file) = state.find(name) {
                state.change(file, Change::Truncate { len: 0 });
                return Ok(file);
            }
            let file = state.files.len();
            state.files.push(File::default());
            state.change_name(NameChange::Set(name.to_owned(), file));
            Ok(file)
        })?;
        Ok(self.open_file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(Call::Rename, |state| {
            let file = state.find(from)?;
            state.change_name(NameChange::Rename(from.to_owned(), to.to_owned(), file));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(Call::Remove, |state| {
            state.find(name)?;
            state.change_name(NameChange::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(Call::Sync, |state| {
            state.durable_names = state.names.clone();
            state.renaming.clear();
            Ok(())
        })
    }
}

#[derive(Debug)]
struct OpenFile {
    disk: FaultyDisk,
    file: usize,
}

impl DiskFile for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.call(Call::Look, |state| {
            let bytes = &state.files[self.file].bytes;
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let (count, result) = match state.fate(Call::Write) {
            Fate::Works => (bytes.len(), Ok(())),
            Fate::Short => (state.random.random_range(1..=bytes.len()), Ok(())),
            Fate::Fails { errno, .. } => {
                (state.random.random_range(0..=bytes.len()), Err(errno.into()))
            }
        };
        if state.has_power || count > 0 {
            let bytes = bytes[..count].to_vec();
            state.change(self.file, Change::Write { offset: offset as usize, bytes });
        }
        result.map(|()| count)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.call(Call::Truncate, |state| {
            state.change(self.file, Change::Truncate { len: len as usize });
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        match state.fate(Call::Sync) {
            Fate::Works | Fate::Short => {
                let file = &mut state.files[self.file];
                file.durable = file.bytes.clone();
                file.changes.clear();
                Ok(())
            }
            Fate::Fails { errno, .. } => {
                if state.has_power {
                    state.sync_badly(self.file);
                }
                Err(errno.into())
            }
        }
    }
}
