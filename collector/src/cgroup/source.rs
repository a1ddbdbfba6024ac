//! All cgroups, followed from sample to sample.

use std::collections::BTreeMap;
use std::path::Path;

use super::Hierarchies;
use super::fields::{Before, GroupSeries, add_rows};
use super::files::{GroupReader, PLACES, Reader};
use super::group::{Depth, Group, Machine, read};
use super::tree::Tree;
use crate::Roots;
use crate::host::{Context, Host};
use crate::settings::Settings;
use crate::sys::{clock_ticks_per_sec, open_files_max};

/// Every so many samples a cgroup is read whole, in turn; in between what did not change is not read again.
const WHOLE_EVERY: u64 = 6;

/// Descriptors kept unless told otherwise: each is about half a kilobyte of the kernel's memory.
const DESCRIPTORS_MAX: usize = 16_384;

/// After a folder came or went, all hierarchies are looked at in so many samples more: a runtime makes a cgroup in one
/// hierarchy after the other, and a sample may fall in between.
const SETTLING: u64 = 2;

/// The cgroups of the host.
#[derive(Debug)]
pub(crate) struct Cgroups {
    roots: Roots,
    groups_max: usize,
    descriptors_max: usize,
    ticks_per_sec: u64,
    /// Which version of the list of mounts the hierarchies were found in.
    mounts_version: Option<u64>,
    hierarchies: Hierarchies,
    /// Each with the places that it is.
    trees: Vec<(Tree, [bool; PLACES])>,
    reader: Reader,
    groups: BTreeMap<Box<str>, Group>,
    samples: u64,
    /// Groups met so far, which spreads them over the samples in which they are read whole.
    made: u64,
    /// The tree that is looked at in every sample: the one with most folders.
    lead: usize,
    /// Up to this sample all trees are looked at.
    settled_after: u64,
    /// A group was dropped whose folder may still be there.
    unsettled: bool,
}

impl Cgroups {
    pub(crate) fn new(settings: &Settings) -> Self {
        let quarter = usize::try_from(open_files_max() / 4).unwrap_or(DESCRIPTORS_MAX);
        let descriptors_max = settings.descriptors_max.unwrap_or(quarter.min(DESCRIPTORS_MAX));
        Cgroups {
            roots: settings.roots.clone(),
            groups_max: settings.cgroups_max,
            descriptors_max,
            ticks_per_sec: clock_ticks_per_sec(),
            mounts_version: None,
            hierarchies: Hierarchies::default(),
            trees: Vec::new(),
            reader: Reader::new(&Hierarchies::default(), 0),
            groups: BTreeMap::new(),
            samples: 0,
            made: 0,
            lead: 0,
            settled_after: 0,
            unsettled: false,
        }
    }

    /// Cgroups that are followed.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Forgets the series, since the batch did.
    pub(crate) fn forget_series(&mut self) {
        self.groups.values_mut().for_each(|group| group.series = None);
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>, host: &Host) {
        self.samples += 1;
        self.find_hierarchies(cx, host);
        self.follow(cx);
        let machine =
            Machine { ticks_per_sec: self.ticks_per_sec, stacked: host.stacked_devices() };
        let mut gone = Vec::new();
        for (name, group) in &mut self.groups {
            let whole = (self.samples + group.turn).is_multiple_of(WHOLE_EVERY);
            if whole {
                group.files.look_again();
            }
            let mut reader = GroupReader {
                reader: &mut self.reader,
                files: &mut group.files,
                buffer: cx.buffer,
                warnings: cx.warnings,
                name,
                present: group.inodes.map(|inode| inode != 0),
                gone: false,
            };
            let depth = if whole { Depth::All } else { Depth::Changes };
            let Some(now) = read(&mut reader, group.last.as_ref(), depth, machine) else {
                gone.push(name.clone());
                continue;
            };
            let Some(series) = series_of(group, cx, name) else { continue };
            let before = group
                .last
                .as_ref()
                .filter(|_| group.sampled + 1 == self.samples)
                .zip(cx.elapsed_ns)
                .map(|(reading, elapsed_ns)| Before { reading, elapsed_ns });
            add_rows(cx.batch, &series, cx.at, &now, before, cx.cpus);
            group.last = Some(now);
            group.sampled = self.samples;
        }
        self.unsettled = !gone.is_empty();
        for name in gone {
            self.forget(&name);
        }
    }

    /// Looks for hierarchies when something was mounted.
    fn find_hierarchies(&mut self, cx: &mut Context<'_>, host: &Host) {
        if self.mounts_version == Some(host.mounts_version()) {
            return;
        }
        let Some(mounts) = host.mounts() else { return };
        self.mounts_version = Some(host.mounts_version());
        let found = Hierarchies::find(&mounts, &self.roots);
        if found.is_empty() {
            let message = "lists no cgroup hierarchy; metrics of cgroups are left out";
            cx.warnings.warn(&self.roots.mountinfo(), message);
        }
        if found == self.hierarchies {
            return;
        }
        self.groups.clear();
        self.trees.clear();
        self.lead = 0;
        self.reader = Reader::new(&found, self.descriptors_max);
        for place in 0..PLACES {
            let Some(root) = self.reader.root(place) else { continue };
            match self.trees.iter_mut().find(|(tree, _)| tree.root() == root) {
                Some((_, places)) => places[place] = true,
                None => {
                    let mut places = [false; PLACES];
                    places[place] = true;
                    self.trees.push((Tree::new(root.to_owned(), self.groups_max), places));
                }
            }
        }
        self.hierarchies = found;
    }

    /// Looks at the folders; answers whether any came or went.
    ///
    /// Version 1 has up to five trees, nearly alike. Looking at all of them costs more than reading a quiet cgroup, so
    /// the others follow one that leads, and are looked at for themselves when the cgroups are read whole.
    fn refresh(&mut self, cx: &mut Context<'_>) -> bool {
        let all =
            self.unsettled || self.samples <= self.settled_after || self.samples % WHOLE_EVERY == 1;
        let mut changed = self.unsettled;
        let lead = self.lead;
        let followers = (0..self.trees.len()).filter(|at| *at != lead);
        for at in std::iter::once(lead).chain(followers) {
            let Some((tree, _)) = self.trees.get_mut(at) else { continue };
            if at != lead && !all && !changed {
                continue;
            }
            let refreshed = tree.refresh();
            changed |= refreshed.changed;
            if refreshed.cut {
                let message =
                    format!("has more than {} cgroups; the others are left out", self.groups_max);
                cx.warnings.warn(tree.root(), message);
            }
        }
        if changed {
            self.settled_after = self.samples + SETTLING;
            let nodes = |(_, (tree, _)): &(usize, &(Tree, _))| tree.nodes();
            self.lead = self.trees.iter().enumerate().max_by_key(nodes).map_or(0, |(at, _)| at);
        }
        changed
    }

    /// Brings the groups in line with the folders.
    fn follow(&mut self, cx: &mut Context<'_>) {
        if !self.refresh(cx) {
            return;
        }
        let mut found: BTreeMap<Box<str>, [u64; PLACES]> = BTreeMap::new();
        for (tree, places) in &self.trees {
            tree.visit(&mut |name, inode| {
                let inodes = match found.get_mut(name) {
                    Some(inodes) => inodes,
                    None => found.entry(name.into()).or_default(),
                };
                for place in (0..PLACES).filter(|place| places[*place]) {
                    inodes[place] = inode;
                }
            });
        }
        // Gone, or another of the same name, whose counters are not this one's.
        let stale: Vec<_> = self
            .groups
            .iter()
            .filter(|(name, group)| found.get(*name) != Some(&group.inodes))
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            self.forget(&name);
        }
        for (name, inodes) in found {
            if self.groups.len() >= self.groups_max && !self.groups.contains_key(&name) {
                continue;
            }
            let made = &mut self.made;
            self.groups.entry(name).or_insert_with(|| {
                *made += 1;
                Group::new(inodes, *made)
            });
        }
    }

    fn forget(&mut self, name: &str) {
        if let Some(group) = self.groups.remove(name) {
            self.reader.descriptors_left += group.files.kept();
        }
    }
}

/// The series of `group`, entered in the batch if they are not yet; `None` if its name makes no key.
fn series_of(group: &mut Group, cx: &mut Context<'_>, name: &str) -> Option<GroupSeries> {
    if group.series.is_none() {
        match GroupSeries::new(cx.batch, cx.host, name) {
            Ok(series) => group.series = Some(series),
            Err(error) => cx.warnings.warn(Path::new(name), format!("left out: {error}")),
        }
    }
    group.series
}
