//! One panel as a file, to be embedded elsewhere: `/render/host-cpu.svg`.

use stripchart_core::FrameSource;

use super::html::esc;
use super::request::Scheme;
use super::{Page, Site, View};
use crate::Theme;
use crate::dashboard::{self, Dashboard, Look, PanelRequest, VariableValue};

impl Site {
    /// The panel `name`, which is `UID-PANEL.svg`.
    pub(super) fn picture(&self, source: &dyn FrameSource, view: &View<'_>, name: &str) -> Page {
        let found = name.strip_suffix(".svg").and_then(|name| self.find(name));
        let Some((dashboard, panel)) = found else {
            return self.not_found(view, "There is no such picture.");
        };
        let variables = self.variables_from(source, view, &dashboard);
        let number = |name: &str, default: u32| {
            view.get(name).and_then(|text| text.parse().ok()).unwrap_or(default).clamp(64, 4096)
        };
        let size = (number("width", 800), number("height", 300));
        let request = self.request(source, view, &dashboard, &variables);
        let answered = dashboard.panels[panel].ask(&PanelRequest { max_points: size.0, ..request });
        if answered.is_empty()
            && let Some(error) = answered.errors().next()
        {
            return Page::svg(502, error_picture(error));
        }
        let theme = match view.scheme {
            Scheme::Auto => Theme::Auto,
            Scheme::Light => Theme::Light,
            Scheme::Dark => Theme::Dark,
        };
        Page::svg(200, answered.picture(&Look { size, theme, ..Look::default() }))
    }

    /// The dashboard and the index of the panel that `name` joins with a `-`.
    fn find(&self, name: &str) -> Option<(Dashboard, usize)> {
        let all = [
            dashboard::host(),
            dashboard::cgroup(),
            dashboard::cluster(),
            dashboard::node(),
            dashboard::namespace(),
            dashboard::pod(),
        ];
        all.into_iter().find_map(|dashboard| {
            let panel = name.strip_prefix(&dashboard.uid)?.strip_prefix('-')?;
            let index = dashboard.panels.iter().position(|known| known.name == panel)?;
            Some((dashboard, index))
        })
    }

    /// The dashboard's variables as the address gives them.
    fn variables_from(
        &self,
        source: &dyn FrameSource,
        view: &View<'_>,
        dashboard: &Dashboard,
    ) -> Vec<(String, VariableValue)> {
        let mut variables: Vec<(String, VariableValue)> = Vec::new();
        for variable in &dashboard.variables {
            let value = match view.get(&variable.name) {
                Some(given) => VariableValue::one(given),
                None => variable.default_value(&self.request(source, view, dashboard, &variables)),
            };
            variables.push((variable.name.clone(), value));
        }
        variables
    }

    /// What is asked of the database that `dashboard` is about.
    fn request<'r>(
        &'r self,
        source: &'r dyn FrameSource,
        view: &View<'_>,
        dashboard: &Dashboard,
        variables: &'r [(String, VariableValue)],
    ) -> PanelRequest<'r> {
        let (database, min_interval_ns) = if ["host", "cgroup"].contains(&dashboard.uid.as_str()) {
            (&self.host_database, self.host_interval_ns)
        } else {
            (&self.cluster_database, self.cluster_interval_ns)
        };
        PanelRequest {
            source,
            database,
            now: view.now,
            range: view.range,
            min_interval_ns,
            max_points: 0,
            variables,
        }
    }
}

/// A picture of an error, since who embeds a picture sees nothing else.
fn error_picture(error: &str) -> String {
    let error: String = error.chars().take(200).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"60\" role=\"img\"><title>{0}</title><rect width=\"800\" height=\"60\" fill=\"#fff5f5\"/><text x=\"12\" y=\"35\" font-family=\"sans-serif\" font-size=\"14\" fill=\"#8a1f1f\">{0}</text></svg>\n",
        esc(&error)
    )
}
