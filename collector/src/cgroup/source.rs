//! All cgroups, followed from sample to sample.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stripchart_core::Timestamp;

use super::Hierarchies;
use super::files::{Files, GroupReader, PLACES, Reader};
use super::publish::Publisher;
use super::read::{Depth, HugePageFiles, Known, Machine, Outcome, read};
use super::rows::{Facts, GroupSeries, Layouts, Owner, Round, Totals, add_rows};
use super::tree::{Leaves, Tree};
use crate::host::{Context, Host};
use crate::settings::Settings;
use crate::sys::{clock_ticks_per_sec, open_files_max};
use crate::who::{self, Who};
use crate::{Layout, Roots};

/// Descriptors kept unless told otherwise: each is about half a kilobyte of the kernel's memory.
const DESCRIPTORS_MAX: usize = 16_384;

/// After a folder came or went, all hierarchies are looked at in so many samples more: a runtime makes a cgroup in one
/// hierarchy after the other, and a sample may fall in between.
const SETTLING: u64 = 2;

/// How soon a cgroup is found that appeared where none was before.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// How often an idle cgroup is asked for its memory.
const MEMORY_WITHIN: Duration = Duration::from_secs(5);

/// What seldom changes is looked at every so many times that a cgroup is read whole.
const REST_EVERY: u64 = 5;

/// Samples in which nothing happened before a cgroup is looked at less often.
const IDLE_AFTER: u32 = 3;

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
    huge_pages: Vec<HugePageFiles>,
    groups: BTreeMap<Arc<str>, Group>,
    who: Who,
    publisher: Option<Publisher>,
    rows: Rows,
    cadence: Cadence,
    per_cpu: bool,
    numa: bool,
    samples: u64,
    /// Groups met so far.
    made: u64,
    /// Of this sample: groups in which, and below which, nothing happened.
    still: HashSet<u64>,
    /// The tree that is looked at in every sample: the one with most folders.
    lead: usize,
    /// Up to this sample all trees are looked at.
    settled_after: u64,
    /// A group was dropped whose folder may still be there.
    unsettled: bool,
}

/// How often what is done, in samples.
#[derive(Debug, Clone, Copy)]
struct Cadence {
    /// A cgroup is read whole.
    whole: u64,
    /// A leaf of the tree is asked.
    leaf: u64,
    /// An idle cgroup is asked for its memory.
    memory: u64,
    /// An idle cgroup is looked at.
    idle: u64,
}

impl Cadence {
    fn of(settings: &Settings) -> Self {
        let samples = |time: Duration| {
            let count = time.as_nanos() / settings.interval.as_nanos().max(1);
            u64::try_from(count).unwrap_or(u64::MAX).max(1)
        };
        Cadence {
            whole: samples(settings.full_interval),
            leaf: samples(LEAVES_WITHIN),
            memory: samples(MEMORY_WITHIN),
            idle: settings.idle_interval_max.map_or(1, samples),
        }
    }
}

/// What the rows have in common.
#[derive(Debug)]
struct Rows {
    layout: Layout,
    layouts: Option<Layouts>,
    /// Time that went by while rows were written, without gaps; begins anew (`epoch`) after one.
    elapsed_ns: u64,
    epoch: u64,
    cores: bool,
    nodes: bool,
}

/// A cgroup that is being followed.
#[derive(Debug)]
pub(crate) struct Group {
    files: Files,
    /// For each place the inode of its folder there; 0 where it has none.
    inodes: [u64; PLACES],
    /// What is known of it.
    pub(crate) facts: Facts,
    /// Whether that was read in this sample.
    pub(crate) fresh: bool,
    /// Whether limits were, too.
    pub(crate) whole: bool,
    /// Whether anything happened since it was read whole.
    active: bool,
    /// Which cgroup it is, of all there ever were; and the one above it, 0 if that is none.
    id: u64,
    above: u64,
    /// Whether the node knows of it.
    pub(crate) known: bool,
    /// Samples in a row in which nothing happened.
    quiet: u32,
    /// The number of the sample in which it is looked at next.
    due: u64,
    /// Who it is; `None` until its first reading.
    pub(crate) who: Option<who::Member>,
    /// Whether that is known otherwise than the node has it.
    pub(crate) renamed: bool,
    /// Of its last rows; and when those were, by [`Rows::elapsed_ns`] and epoch.
    totals: Option<Totals>,
    rows_at: (u64, u64),
    series: Option<GroupSeries>,
}

impl Group {
    fn new(inodes: [u64; PLACES], id: u64, above: u64) -> Self {
        Group {
            files: Files::default(),
            inodes,
            id,
            above,
            active: true,
            facts: Facts::default(),
            fresh: false,
            whole: false,
            known: false,
            quiet: 0,
            due: 0,
            who: None,
            renamed: false,
            totals: None,
            rows_at: (0, 0),
            series: None,
        }
    }

    /// Whether anything was read of it before.
    const fn is_new(&self) -> bool {
        self.due == 0
    }

    /// Whether it is, or is a part of, a pod, as far as known.
    fn is_in_pod(&self) -> bool {
        let about = self.who.as_ref().and_then(who::Member::about);
        about.is_none_or(|about| about.pod.is_some())
    }

    /// How thoroughly it is to be looked at in `sample`.
    fn depth(&self, sample: u64, cadence: &Cadence) -> Depth {
        // The number of the cgroup spreads them over the samples.
        let turn = sample + self.id;
        if self.is_new() {
            return Depth::All;
        }
        if turn.is_multiple_of(cadence.whole) {
            let rest = (turn / cadence.whole).is_multiple_of(REST_EVERY);
            return if rest { Depth::All } else { Depth::Counts };
        }
        if self.quiet >= IDLE_AFTER && !turn.is_multiple_of(cadence.memory) {
            return Depth::Time;
        }
        Depth::Changes
    }

    /// Plans when to look next, after `outcome`.
    fn plan(&mut self, outcome: Outcome, sample: u64, idle_max: u64) {
        self.quiet = if outcome == Outcome::Quiet { self.quiet.saturating_add(1) } else { 0 };
        let doublings = self.quiet.saturating_sub(IDLE_AFTER).min(32);
        self.due = sample + (1_u64 << doublings).min(idle_max);
    }
}

impl Cgroups {
    pub(crate) fn new(settings: &Settings) -> Self {
        let quarter = usize::try_from(open_files_max() / 4).unwrap_or(DESCRIPTORS_MAX);
        let descriptors_max = settings.descriptors_max.unwrap_or(quarter.min(DESCRIPTORS_MAX));
        let publisher =
            |node| Publisher::new(Arc::clone(node), settings.roots.clone(), settings.samples_kept);
        Cgroups {
            roots: settings.roots.clone(),
            groups_max: settings.cgroups_max,
            descriptors_max,
            ticks_per_sec: clock_ticks_per_sec(),
            mounts_version: None,
            hierarchies: Hierarchies::default(),
            trees: Vec::new(),
            reader: Reader::new(&Hierarchies::default(), 0),
            huge_pages: Vec::new(),
            groups: BTreeMap::new(),
            who: Who::new(settings),
            publisher: settings.node.as_ref().map(publisher),
            rows: Rows {
                layout: settings.layout,
                layouts: None,
                elapsed_ns: 0,
                epoch: 1,
                cores: settings.container_per_cpu,
                nodes: settings.container_numa,
            },
            cadence: Cadence::of(settings),
            per_cpu: settings.node.is_some()
                || settings.container_per_cpu
                || settings.layout == Layout::Cadvisor,
            numa: settings.container_numa,
            samples: 0,
            made: 0,
            still: HashSet::new(),
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
        self.rows.layouts = None;
        self.groups.values_mut().for_each(|group| group.series = None);
    }

    /// Reads the cgroups and tells the node, if there is one; idle ones, too, if `all`.
    pub(crate) fn look(
        &mut self,
        cx: &mut Context<'_>,
        host: &mut Host,
        now: Timestamp,
        all: bool,
    ) {
        self.samples += 1;
        self.find_hierarchies(cx, host);
        self.follow(cx);
        self.who.begin(&mut round(cx, now), self.publisher.as_ref().map(Publisher::events));
        self.still.clear();
        let mut looker = Looker {
            reader: &mut self.reader,
            who: &mut self.who,
            still: &mut self.still,
            machine: Machine {
                ticks_per_sec: self.ticks_per_sec,
                stacked: host.stacked_devices(),
                huge_pages: &self.huge_pages,
                per_cpu: self.per_cpu,
                numa: self.numa,
                swap_used: None,
            },
            cadence: self.cadence,
            sample: self.samples,
            now,
            all,
        };
        let mut gone = Vec::new();
        for (name, group) in &mut self.groups {
            if looker.look_at(cx, name, group) == Some(Outcome::Gone) {
                gone.push(Arc::clone(name));
            }
        }
        if self.samples.is_multiple_of(self.cadence.whole.saturating_mul(REST_EVERY)) {
            self.reader.look_again();
        }
        self.unsettled = !gone.is_empty();
        for name in gone {
            self.forget(&name);
        }
        if let Some(publisher) = &mut self.publisher {
            if let Some(root) = self.groups.get_mut("/").filter(|root| root.fresh) {
                host.fill_root(now, cx.warnings, &mut root.facts.known.sample);
                root.facts.known.spec.has_filesystem = true;
                root.facts.known.spec.has_network = true;
            }
            publisher.publish(&mut self.groups, now);
        }
    }

    /// Adds the rows of what was read last.
    pub(crate) fn add_rows(&mut self, cx: &mut Context<'_>) {
        match cx.elapsed_ns {
            Some(elapsed_ns) => self.rows.elapsed_ns += elapsed_ns,
            None => self.rows.epoch += 1,
        }
        let now = (self.rows.epoch, self.rows.elapsed_ns);
        let mut round = Round {
            at: cx.at,
            layouts: *self.rows.layouts.get_or_insert_with(|| Layouts::new(cx.batch)),
            elapsed_ns: None,
            cpus: cx.cpus,
            cores: self.rows.cores,
            nodes: self.rows.nodes,
        };
        for (name, group) in self.groups.iter_mut().filter(|(_, group)| group.fresh) {
            let about = group.who.as_ref().and_then(|who| who.about());
            let owner = Owner { host: cx.host, path: name, about: about.map(|about| &**about) };
            let layout = self.rows.layout;
            let Some(series) = series_of(&mut group.series, cx, owner, layout) else { continue };
            let before = std::mem::replace(&mut group.rows_at, now);
            round.elapsed_ns = (before.0 == now.0).then(|| now.1 - before.1);
            let (facts, totals) = (&mut group.facts, &mut group.totals);
            if let Err(error) = add_rows(cx.batch, &round, owner, series, facts, totals) {
                cx.warnings.warn(Path::new(&**name), format!("some rows are left out: {error}"));
            }
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
        let names: Vec<_> = self.groups.keys().cloned().collect();
        names.iter().for_each(|name| self.forget(name));
        self.trees.clear();
        self.lead = 0;
        self.reader = Reader::new(&found, self.descriptors_max);
        self.huge_pages = HugePageFiles::find(&self.roots, &mut self.reader);
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
        let all = self.unsettled
            || self.samples <= self.settled_after
            || self.samples % self.cadence.whole == 1 % self.cadence.whole;
        // A cgroup whose files are opened each time cannot tell that it was replaced.
        let all_leaves = self.unsettled || self.reader.descriptors_left == 0;
        let leaves = match all_leaves {
            true => Leaves::ALL,
            false => Leaves { one_of: self.cadence.leaf, round: self.samples },
        };
        let mut changed = self.unsettled;
        let lead = self.lead;
        let followers = (0..self.trees.len()).filter(|at| *at != lead);
        for at in std::iter::once(lead).chain(followers) {
            let Some((tree, _)) = self.trees.get_mut(at) else { continue };
            if at != lead && !all && !changed {
                continue;
            }
            let refreshed = tree.refresh(if at == lead { leaves } else { Leaves::ALL });
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
        let mut found: BTreeMap<Arc<str>, [u64; PLACES]> = BTreeMap::new();
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
        // In order of their paths, so that the one above comes first.
        for (name, inodes) in found {
            if self.groups.contains_key(&name) || self.groups.len() >= self.groups_max {
                continue;
            }
            self.made += 1;
            let group = Group::new(inodes, self.made, self.above(&name, &inodes));
            self.groups.insert(name, group);
        }
    }

    /// The number of the cgroup above that at `path`, if that is in the same hierarchies; 0 if there is none, or the root,
    /// which is never idle.
    fn above(&self, path: &str, inodes: &[u64; PLACES]) -> u64 {
        let above = path.rsplit_once('/').and_then(|(above, _)| self.groups.get(above));
        let covers = |group: &&Group| {
            group.inodes.iter().zip(inodes).all(|(above, inode)| *above != 0 || *inode == 0)
        };
        above.filter(covers).map_or(0, |group| group.id)
    }

    fn forget(&mut self, name: &Arc<str>) {
        let Some(group) = self.groups.remove(name) else { return };
        self.reader.descriptors_left += group.files.kept();
        if let Some(member) = group.who {
            self.who.forget(member);
        }
        if let Some(publisher) = self.publisher.as_mut().filter(|_| group.known) {
            publisher.vanished(Arc::clone(name));
        }
    }
}

/// What looks at the cgroups of one sample, one after the other.
struct Looker<'a> {
    reader: &'a mut Reader,
    who: &'a mut Who,
    still: &'a mut HashSet<u64>,
    machine: Machine<'a>,
    cadence: Cadence,
    /// The number of the sample.
    sample: u64,
    now: Timestamp,
    all: bool,
}

impl Looker<'_> {
    /// Looks at a cgroup if it is time; answers what came of it.
    fn look_at(&mut self, cx: &mut Context<'_>, name: &str, group: &mut Group) -> Option<Outcome> {
        group.fresh = false;
        let depth = group.depth(self.sample, &self.cadence);
        group.whole = depth >= Depth::Counts;
        if !group.whole && !self.all && self.sample < group.due {
            return None;
        }
        if depth == Depth::All {
            group.files.look_again();
        }
        let outcome = self.read(cx, name, group, depth);
        match outcome {
            Outcome::Gone => return Some(outcome),
            Outcome::Quiet => drop(self.still.insert(group.id)),
            Outcome::Busy => {}
        }
        group.active = (group.active && !group.whole) || outcome == Outcome::Busy;
        // Of a pod it may be another container that was busy with the network that this one reports.
        let quiet = outcome == Outcome::Quiet
            && !group.whole
            && (self.still.contains(&group.above) || !group.is_in_pod());
        if !quiet || depth != Depth::Time {
            self.visit(cx, name, group, quiet);
        }
        group.facts.known.sample.at = self.now;
        group.fresh = true;
        group.plan(outcome, self.sample, self.cadence.idle);
        Some(outcome)
    }

    /// Reads its files, unless it is known already that nothing happened.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        group: &mut Group,
        depth: Depth,
    ) -> Outcome {
        if depth <= Depth::Changes && self.still.contains(&group.above) {
            // All that it uses is in the account of the one above, where nothing was used.
            return Outcome::Quiet;
        }
        let mut reader = GroupReader {
            reader: self.reader,
            files: &mut group.files,
            buffer: cx.buffer,
            warnings: cx.warnings,
            name,
            present: group.inodes.map(|inode| inode != 0),
            gone: false,
        };
        read(&mut reader, &mut group.facts.known, depth, group.active, self.machine)
    }

    /// Asks who it is, and what its processes and its runtime tell.
    fn visit(&mut self, cx: &mut Context<'_>, name: &str, group: &mut Group, quiet: bool) {
        let (reader, who, inodes) = (&*self.reader, &mut *self.who, &group.inodes);
        let member = group.who.get_or_insert_with(|| {
            let places = (0..PLACES).filter(|place| inodes[*place] != 0);
            let root = places.filter_map(|at| reader.root(at)).next();
            who.member(name, who::folder(root.unwrap_or(Path::new("/")), name))
        });
        let Known { sample, spec, .. } = &mut group.facts.known;
        let mut round = round(cx, self.now);
        round.quiet = quiet;
        if self.who.visit(member, name, sample, spec, &mut round) {
            group.renamed = true;
            group.series = None;
        }
    }
}

/// What a visit needs of `cx`.
fn round<'a>(cx: &'a mut Context<'_>, now: Timestamp) -> who::Round<'a> {
    who::Round {
        now,
        uptime_ns: cx.uptime_ns,
        quiet: false,
        buffer: &mut *cx.buffer,
        warnings: &mut *cx.warnings,
    }
}

/// The series of a group, entered in the batch if they are not yet; `None` if its name makes no key.
fn series_of<'a>(
    series: &'a mut Option<GroupSeries>,
    cx: &mut Context<'_>,
    owner: Owner<'_>,
    layout: Layout,
) -> Option<&'a mut GroupSeries> {
    if series.is_none() {
        match GroupSeries::new(cx.batch, owner, layout) {
            Ok(entered) => *series = Some(entered),
            Err(error) => cx.warnings.warn(Path::new(owner.path), format!("left out: {error}")),
        }
    }
    series.as_mut()
}
