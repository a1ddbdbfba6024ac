//! The README shows what the examples are.

#[test]
fn the_readme_shows_the_embedding_example_unchanged() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = include_str!("../embed.rs");
    let code = example.split_once("\n\n").map(|(_, code)| code);
    assert_eq!(shown, code, "README.md and examples/embed.rs differ");
}
