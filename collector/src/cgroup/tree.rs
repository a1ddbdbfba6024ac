//! The folders of one hierarchy, kept up to date cheaply.
//!
//! Listing a folder costs twenty times as much as asking for its attributes, and folders seldom change. The kernel counts
//! a folder's links as two and one for each folder in it, so that a folder is listed anew only when that number changed,
//! when one of the known folders in it is gone, or when it is another folder of the same name (its inode tells).
//!
//! A cgroup that is read anyway tells by itself when it is gone, so that most folders need not be asked either: those with
//! folders in them are, in every round, since that is where others appear, and those that appeared lately; of the rest, the
//! leaves, only every so many in each round. Watches (inotify) were not taken: they are a resource of the whole host that
//! the kubelet and systemd need as well, one for each folder and hierarchy, and each needs a round through the tree when
//! the queue overflows.
//!
//! File systems that do not count links so (they say 1) are listed each time; that matters to tests at most.

use std::fs::{Metadata, read_dir, symlink_metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders in one another; deeper ones are left out. The deepest in real use is about ten.
const DEPTH_MAX: usize = 64;

/// Rounds for which a folder that appeared is asked in each: a runtime makes those in it a little later.
const YOUNG_FOR: u8 = 3;

/// Which leaves a round asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaves {
    /// One of so many; 1 are all.
    pub(crate) one_of: u64,
    /// Which: the number of the round.
    pub(crate) round: u64,
}

impl Leaves {
    /// All of them.
    pub(crate) const ALL: Leaves = Leaves { one_of: 1, round: 0 };
}

/// A hierarchy's folders.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    /// The path of the folder that is looked at.
    path: PathBuf,
    /// Folders met so far.
    met: u64,
    top: Node,
    nodes: usize,
    nodes_max: usize,
}

#[derive(Debug, Default)]
struct Node {
    name: Box<str>,
    /// 0 until seen.
    inode: u64,
    /// As it was when the folder was listed last; 0 before.
    links: u64,
    /// Spreads the leaves over the rounds.
    turn: u64,
    /// Rounds for which it is asked in any case.
    young: u8,
    children: Vec<Node>,
}

/// What [`Tree::refresh`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Refreshed {
    /// Folders came, went or were replaced.
    pub(crate) changed: bool,
    /// Some were left out, because there are too many or they are too deep.
    pub(crate) cut: bool,
}

impl Tree {
    pub(crate) fn new(root: PathBuf, nodes_max: usize) -> Self {
        Tree { root, path: PathBuf::new(), met: 0, top: Node::default(), nodes: 1, nodes_max }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Folders, the root included.
    pub(crate) const fn nodes(&self) -> usize {
        self.nodes
    }

    /// Looks what has changed.
    pub(crate) fn refresh(&mut self, leaves: Leaves) -> Refreshed {
        self.path.as_mut_os_string().clear();
        self.path.push(&self.root);
        let mut walk = Walk {
            path: &mut self.path,
            leaves,
            met: &mut self.met,
            nodes: &mut self.nodes,
            nodes_max: self.nodes_max,
            found: Refreshed::default(),
        };
        if !walk.refresh(&mut self.top, 0) && self.top.inode != 0 {
            walk.found.changed = true;
            *walk.nodes = 1;
            self.top = Node::default();
        }
        walk.found
    }

    /// Hands each folder's path below the root (`/` for the root itself) and inode to `each`.
    pub(crate) fn visit(&self, each: &mut impl FnMut(&str, u64)) {
        if self.top.inode == 0 {
            return;
        }
        each("/", self.top.inode);
        let mut path = String::new();
        visit(&self.top, &mut path, each);
    }
}

fn visit(node: &Node, path: &mut String, each: &mut impl FnMut(&str, u64)) {
    for child in node.children.iter().filter(|child| child.inode != 0) {
        let len = path.len();
        path.push('/');
        path.push_str(&child.name);
        each(path, child.inode);
        visit(child, path, each);
        path.truncate(len);
    }
}

/// Which folders in a folder are asked.
#[derive(Debug, Clone, Copy)]
enum Which {
    All,
    /// Those whose turn it is.
    Due,
    /// Those not seen yet.
    New,
}

/// One round through the tree.
struct Walk<'a> {
    path: &'a mut PathBuf,
    leaves: Leaves,
    met: &'a mut u64,
    nodes: &'a mut usize,
    nodes_max: usize,
    found: Refreshed,
}

impl Walk<'_> {
    /// Looks at the folder at `path`, which `node` is; answers whether it is there.
    fn refresh(&mut self, node: &mut Node, depth: usize) -> bool {
        let Some(metadata) = symlink_metadata(&*self.path).ok().filter(Metadata::is_dir) else {
            return false;
        };
        if metadata.ino() != node.inode {
            self.found.changed = true;
            *self.nodes -= node.size() - 1;
            node.children.clear();
            (node.inode, node.links, node.young) = (metadata.ino(), 0, YOUNG_FOR);
        }
        let links = metadata.nlink();
        let listed = links != node.links || links < 2;
        if listed {
            self.list(node, depth);
            node.links = links;
        }
        // Another number may mean that one is gone, whose turn it may not be.
        let lost = self.refresh_children(node, depth, if listed { Which::All } else { Which::Due });
        if lost && !listed {
            // One went and another may have come, which leaves the number of links as it was.
            self.list(node, depth);
            self.refresh_children(node, depth, Which::New);
        }
        true
    }

    /// Looks at some of the folders in `node`; drops those that are gone and answers whether there were any.
    fn refresh_children(&mut self, node: &mut Node, depth: usize, which: Which) -> bool {
        let mut lost = false;
        node.children.retain_mut(|child| {
            let asked = match which {
                Which::All => true,
                Which::Due => self.is_due(child),
                Which::New => child.inode == 0,
            };
            if !asked {
                return true;
            }
            self.path.push(&*child.name);
            let there = self.refresh(child, depth + 1);
            self.path.pop();
            if !there {
                *self.nodes -= child.size();
                lost = true;
            }
            there
        });
        self.found.changed |= lost;
        lost
    }

    /// Whether `node` is to be asked in this round.
    fn is_due(&self, node: &mut Node) -> bool {
        let young = node.inode == 0 || node.young > 0;
        node.young = node.young.saturating_sub(1);
        young
            || !node.children.is_empty()
            || (node.turn.wrapping_add(self.leaves.round)).is_multiple_of(self.leaves.one_of)
    }

    /// Adds the folders in `node` that are not known yet.
    fn list(&mut self, node: &mut Node, depth: usize) {
        let Ok(entries) = read_dir(&*self.path) else { return };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            // Cgroups of systemd's mount units hold no process. Names that are no text can be no tag.
            let Some(name) = name.to_str().filter(|name| !name.ends_with(".mount")) else {
                continue;
            };
            if node.children.iter().any(|child| *child.name == *name) {
                continue;
            }
            if *self.nodes >= self.nodes_max || depth >= DEPTH_MAX {
                self.found.cut = true;
                return;
            }
            *self.nodes += 1;
            *self.met += 1;
            node.children.push(Node { name: name.into(), turn: *self.met, ..Node::default() });
        }
    }
}

impl Node {
    /// Nodes, itself included.
    fn size(&self) -> usize {
        1 + self.children.iter().map(Node::size).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, remove_dir, remove_dir_all};

    use super::*;

    fn paths(tree: &Tree) -> Vec<String> {
        let mut paths = Vec::new();
        tree.visit(&mut |path, _| paths.push(path.to_owned()));
        paths.sort();
        paths
    }

    #[test]
    fn folders_that_come_and_go_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        create_dir_all(root.join("a/b")).unwrap();
        let mut tree = Tree::new(root.to_owned(), 100);
        assert_eq!(tree.refresh(Leaves::ALL), Refreshed { changed: true, cut: false });
        assert_eq!(paths(&tree), ["/", "/a", "/a/b"]);
        assert_eq!(tree.refresh(Leaves::ALL), Refreshed::default());
        create_dir_all(root.join("a/c/d.mount")).unwrap();
        assert!(tree.refresh(Leaves::ALL).changed);
        assert_eq!(paths(&tree), ["/", "/a", "/a/b", "/a/c"]);
        // One goes and one comes: the number of links stays.
        remove_dir(root.join("a/b")).unwrap();
        create_dir_all(root.join("a/e")).unwrap();
        assert!(tree.refresh(Leaves::ALL).changed);
        assert_eq!(paths(&tree), ["/", "/a", "/a/c", "/a/e"]);
        remove_dir_all(root.join("a")).unwrap();
        assert!(tree.refresh(Leaves::ALL).changed);
        assert_eq!((paths(&tree), tree.nodes), (vec!["/".to_owned()], 1));
    }

    #[test]
    fn leaves_are_asked_by_turns_and_what_is_new_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        (0..8).for_each(|n| create_dir_all(root.join(format!("in/{n}"))).unwrap());
        let mut tree = Tree::new(root.to_owned(), 100);
        let mut round = 0;
        let mut refresh = |tree: &mut Tree| {
            round += 1;
            tree.refresh(Leaves { one_of: 4, round })
        };
        refresh(&mut tree);
        for _ in 0..YOUNG_FOR {
            refresh(&mut tree);
        }
        // Below a folder that has some already: seen at once, and so is what is below that.
        create_dir_all(root.join("in/new")).unwrap();
        assert!(refresh(&mut tree).changed);
        create_dir_all(root.join("in/new/below")).unwrap();
        assert!(refresh(&mut tree).changed);
        remove_dir(root.join("in/7")).unwrap();
        assert!(refresh(&mut tree).changed);
        assert!(!paths(&tree).contains(&"/in/7".to_owned()));
        // Below a leaf: when its turn comes.
        create_dir_all(root.join("in/5/below")).unwrap();
        let seen: Vec<_> = (0..4).map(|_| refresh(&mut tree).changed).collect();
        assert_eq!(seen.iter().filter(|changed| **changed).count(), 1, "{seen:?}");
    }

    #[test]
    fn too_many_are_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..9 {
            create_dir_all(dir.path().join(n.to_string())).unwrap();
        }
        let mut tree = Tree::new(dir.path().to_owned(), 5);
        assert_eq!(tree.refresh(Leaves::ALL), Refreshed { changed: true, cut: true });
        assert_eq!(paths(&tree).len(), 5);
    }

    #[test]
    fn a_missing_root_is_no_folder() {
        let mut tree = Tree::new("/no/such/folder".into(), 5);
        assert_eq!(tree.refresh(Leaves::ALL), Refreshed::default());
        assert!(paths(&tree).is_empty());
    }
}
