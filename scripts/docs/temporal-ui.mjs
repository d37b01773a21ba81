/** The Temporal UI as a person uses it, for the screenshots: where things are clicked. Made for UI 2.42. */

/** Hides what differs between two runs and shows nothing: the moving signs of what runs, and carets. */
export const quietStyle = `
  *, *::before, *::after { animation: none !important; transition: none !important; caret-color: transparent !important; }
`;

export class TemporalUi {
  constructor(page, url) {
    this.page = page;
    this.url = url;
  }

  async hideSavedViews() {
    await this.page.getByLabel('Collapse saved views').click();
    await this.settled();
  }

  async list(query) {
    await this.page.goto(`${this.url}/namespaces/default/workflows?query=${encodeURIComponent(query)}`);
    await this.page.locator('tbody tr').first().waitFor();
    await this.settled();
  }

  /** Once for the whole browser: the UI keeps the columns in its local storage. */
  async chooseColumns({ remove, add }) {
    await this.list("WorkflowType = 'delivery'");
    await this.page.getByTestId('workflows-summary-table-configuration-button').click();
    for (const name of remove) await this.page.getByLabel(`Remove ${name} column`).click();
    for (const name of add) await this.page.getByLabel(`Add ${name} column`, { exact: true }).click();
    await this.page.getByText('Configure Workflows Table').scrollIntoViewIfNeeded();
    await this.settled();
  }

  /** @param tab the last part of its address: `history`, `user-metadata`, `pending-activities` */
  async workflow(id, tab) {
    const path = `${this.url}/namespaces/default/workflows/${encodeURIComponent(id)}`;
    await this.page.goto(path);
    // Without a run in the address the UI shows the latest and adds it.
    await this.page.waitForURL(/\/history$/);
    if (tab !== 'history') await this.page.goto(this.page.url().replace(/history$/, tab));
    await this.page.getByRole('heading', { name: id }).waitFor();
    await this.settled();
  }

  async openActions() {
    await this.page.getByRole('button', { name: 'More Actions' }).filter({ visible: true }).click();
  }

  async action(name) {
    await this.openActions();
    await this.page.getByRole('menuitem', { name }).filter({ visible: true }).first().click();
    await this.settled();
  }

  /** @param kind `signal` or `update`, of the dialog that is open */
  async openChoice(kind) {
    await this.page.locator('dialog[open]').getByTestId(`${kind}-select-button`).click();
    await this.settled();
  }

  async choose(kind, name) {
    await this.openChoice(kind);
    await this.page.locator('dialog[open]').getByRole('option', { name }).first().click();
  }

  async type(json) {
    await this.page.locator('dialog[open] .cm-content').fill(json);
  }

  async submit() {
    await this.page.locator('dialog[open]').getByTestId('confirm-modal-button').click();
  }

  /** The UI goes on asking its server, so that the network is never idle; what it shows is still after a moment. */
  async settled() {
    await this.page.waitForTimeout(1_500);
  }
}
