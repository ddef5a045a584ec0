//! No crate of the workspace has a module cycle, at the level of files.
//!
//! An edge leads from a file that uses an item to the file that *defines* it: `use`, and paths in the code that start
//! at `crate`, `super`, `self` or a child module. `mod x;` and public re-exports are no edges; what is imported through
//! a re-export counts as imported from the file that defines it. Tests inside the files are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use syn::visit::Visit;

type ModulePath = Vec<String>;

/// One file: what it imports, and what it re-exports under which name.
#[derive(Default)]
struct Module {
    file: PathBuf,
    imports: BTreeSet<ModulePath>,
    exports: BTreeMap<String, ModulePath>,
    /// Paths of `pub use path::*`.
    globs: Vec<ModulePath>,
}

/// The modules of one crate, each a file.
#[derive(Default)]
struct Crate(BTreeMap<ModulePath, Module>);

impl Crate {
    /// Reads a crate from its root file.
    fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.add(&[], root);
        modules
    }

    fn add(&mut self, path: &[String], file: &Path) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let mut children = Vec::new();
        for item in syntax.items.iter().filter(|item| !is_test(item)) {
            match item {
                syn::Item::Mod(child) if child.content.is_none() => children.push(child.ident.to_string()),
                syn::Item::Use(import) => module.take(import),
                other => Paths(&mut module.imports).visit_item(other),
            }
        }
        let directory = match file.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "main" | "mod") => file.with_file_name(""),
            _ => file.with_extension(""),
        };
        self.0.insert(path.to_vec(), module);
        for child in children {
            let places = [directory.join(format!("{child}.rs")), directory.join(&child).join("mod.rs")];
            let place = places.iter().find(|place| place.exists());
            let place = place.unwrap_or_else(|| panic!("{}: no file for `mod {child};`", file.display()));
            self.add(&[path, &[child]].concat(), place);
        }
    }

    /// Returns the module whose file defines what a path names, seen from a module; nothing for other crates.
    fn definition(&self, from: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        // Two modules that re-export each other's items with globs would not end.
        if depth > 16 {
            return None;
        }
        let (mut at, mut rest) = (from.to_vec(), path);
        match rest.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let module = self.0.get(from)?;
                let is_child = self.0.contains_key(&[from, &[first.to_owned()]].concat());
                if !is_child && !module.exports.contains_key(first) {
                    return None;
                }
            }
        }
        while let Some(first) = rest.first() {
            let child = [at.as_slice(), std::slice::from_ref(first)].concat();
            let module = self.0.get(&at)?;
            if self.0.contains_key(&child) {
                (at, rest) = (child, &rest[1..]);
            } else if let Some(target) = module.exports.get(first) {
                return self.definition(&at, target, depth + 1);
            } else if let [glob] = module.globs.as_slice() {
                return self.definition(&at, &[glob.clone(), rest.to_vec()].concat(), depth + 1).or(Some(at));
            } else {
                break;
            }
        }
        Some(at)
    }

    /// Returns the cycles, each as the imports that close it: file, imported path, file.
    fn cycles(&self) -> Vec<Vec<String>> {
        let index: BTreeMap<&ModulePath, usize> = self.0.keys().enumerate().map(|(at, path)| (path, at)).collect();
        let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
        let mut edges = Vec::new();
        for (path, module) in &self.0 {
            for import in &module.imports {
                let Some(definition) = self.definition(path, import, 0).filter(|definition| definition != path) else {
                    continue;
                };
                graph.add_edge(index[path], index[&definition], ());
                edges.push((path, import.join("::"), definition));
            }
        }
        let groups = tarjan_scc(&graph).into_iter().filter(|group| group.len() > 1);
        let inside = |group: &[usize], path: &ModulePath| group.contains(&index[path]);
        groups
            .map(|group| {
                let closing = edges.iter().filter(|(from, _, to)| inside(&group, from) && inside(&group, to));
                let name = |path: &ModulePath| self.0[path].file.display().to_string();
                closing.map(|(from, import, to)| format!("{} uses {import} of {}", name(from), name(to))).collect()
            })
            .collect()
    }
}

impl Module {
    fn take(&mut self, import: &syn::ItemUse) {
        let mut leaves = Vec::new();
        flatten(&import.tree, &mut Vec::new(), &mut leaves);
        let is_public = !matches!(import.vis, syn::Visibility::Inherited);
        for (path, name) in leaves {
            match name {
                Some(name) if is_public => drop(self.exports.insert(name, path)),
                None if is_public => self.globs.push(path),
                _ => drop(self.imports.insert(path)),
            }
        }
    }
}

/// Splits a `use` tree into paths, each with the name that it gets; no name for a glob.
fn flatten(tree: &syn::UseTree, prefix: &mut ModulePath, leaves: &mut Vec<(ModulePath, Option<String>)>) {
    let with = |name: &syn::Ident| [prefix.as_slice(), &[name.to_string()]].concat();
    match tree {
        syn::UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, leaves);
            prefix.pop();
        }
        syn::UseTree::Name(name) if name.ident == "self" => leaves.push((prefix.clone(), prefix.last().cloned())),
        syn::UseTree::Name(name) => leaves.push((with(&name.ident), Some(name.ident.to_string()))),
        syn::UseTree::Rename(rename) => leaves.push((with(&rename.ident), Some(rename.rename.to_string()))),
        syn::UseTree::Glob(_) => leaves.push((prefix.clone(), None)),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, leaves)),
    }
}

/// Collects the paths of code.
struct Paths<'a>(&'a mut BTreeSet<ModulePath>);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.0.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }
}

fn is_test(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(module) => &module.attrs,
        syn::Item::Use(import) => &import.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// The root files of all crates of the workspace.
fn roots() -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = fs::read_dir(&source).expect("the sources").flatten().map(|entry| entry.path());
    let members = folders.filter(|folder| folder.join("Cargo.toml").exists()).map(|folder| folder.join("lib.rs"));
    let roots: Vec<PathBuf> = members.chain([source.join("lib.rs")]).collect();
    assert!(roots.len() > 8, "the workspace has more crates than {roots:?}");
    roots
}

#[test]
fn no_crate_has_a_module_cycle() {
    let cycles: Vec<Vec<String>> = roots().iter().flat_map(|root| Crate::read(root).cycles()).collect();
    let shown: Vec<String> = cycles.iter().map(|cycle| cycle.join("\n  ")).collect();
    assert!(cycles.is_empty(), "{} module cycles:\n\n  {}", cycles.len(), shown.join("\n\n  "));
}

#[test]
fn a_deliberate_cycle_is_found_and_names_its_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
    write("lib.rs", "mod one;\nmod other;\nmod third;\npub use one::One;\n");
    write("one.rs", "use super::other::Other;\npub struct One(Other);\n");
    write("other.rs", "use crate::One;\npub struct Other(Option<Box<One>>);\n");
    write("third.rs", "use super::One;\n#[cfg(test)]\nmod tests { use crate::other::Other; }\n");
    let cycles = Crate::read(&directory.path().join("lib.rs")).cycles();
    let [cycle] = cycles.as_slice() else { panic!("one cycle, not {cycles:?}") };
    assert_eq!(cycle.len(), 2, "{cycle:?}");
    assert!(cycle.iter().all(|edge| edge.contains("one.rs") && edge.contains("other.rs")), "{cycle:?}");
}
