"""Where tasks come from: canvases, folders of them, notes, and files of tasks."""
