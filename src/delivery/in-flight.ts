/** How many POSTs a webhook has in flight in this process, held below its `max_in_flight`. */
export class InFlight {
  private readonly counts = new Map<string, number>();

  /** @returns how to give the slot back, or undefined when all of them are taken */
  take(webhookId: string, max: number): (() => void) | undefined {
    const taken = this.counts.get(webhookId) ?? 0;
    if (taken >= max) return undefined;
    this.counts.set(webhookId, taken + 1);
    return () => this.giveBack(webhookId);
  }

  private giveBack(webhookId: string): void {
    const left = (this.counts.get(webhookId) ?? 1) - 1;
    if (left === 0) this.counts.delete(webhookId);
    else this.counts.set(webhookId, left);
  }
}
