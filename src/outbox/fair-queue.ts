/**
 * What waits in this process, handed out in turn: between tenants, and within a tenant between its webhooks.
 * What is under way of a webhook begins small and grows with every success, so that a burst does not run into
 * a webhook that takes no more with all that it has, and whoever floods leaves room to others.
 */

interface Line<T> {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly waiting: T[];
  underWay: number;
  limit: number;
}

export interface Turn<T> {
  readonly item: T;
  /** Its work has ended. */
  end(): void;
  /** Its webhook takes no more for now. @returns what else waits for that webhook, out of the queue */
  crowded(): T[];
}

const firstLimit = 16;
const mostLimit = 1_000;

export class FairQueue<T> {
  private readonly lines = new Map<string, Line<T>>();
  /** Of each tenant the webhooks that may go on; the first of a map is next. */
  private readonly ready = new Map<string, Map<string, Line<T>>>();
  /** What waits, of each tenant. */
  private readonly waiting = new Map<string, number>();
  private count = 0;

  /** @param most how much may wait; who pushes asks `hasRoomFor` */
  constructor(private readonly most = Infinity) {}

  get size(): number {
    return this.count;
  }

  /** A tenant has no more of the queue than is free besides. */
  hasRoomFor(tenantId: string): boolean {
    return this.sizeOf(tenantId) < this.most - this.count;
  }

  /** What may be pushed in any case, even if it is all of one tenant that has everything that waits. */
  get room(): number {
    return Math.max(0, Math.ceil(this.most / 2) - this.count);
  }

  push(tenantId: string, webhookId: string, item: T): void {
    let line = this.lines.get(webhookId);
    if (!line) {
      line = { tenantId, webhookId, waiting: [], underWay: 0, limit: firstLimit };
      this.lines.set(webhookId, line);
    }
    line.waiting.push(item);
    this.add(tenantId, 1);
    this.settle(line);
  }

  /** @returns undefined when nothing waits that may go on */
  next(): Turn<T> | undefined {
    const [tenantId, webhooks] = this.ready.entries().next().value ?? [];
    const line: Line<T> | undefined = webhooks?.values().next().value;
    if (tenantId === undefined || !webhooks || !line) return undefined;
    this.ready.delete(tenantId);
    webhooks.delete(line.webhookId);
    if (webhooks.size > 0) this.ready.set(tenantId, webhooks);

    const item = line.waiting.shift() as T;
    this.add(tenantId, -1);
    line.underWay++;
    this.settle(line);
    return { item, end: () => this.end(line), crowded: () => this.takeOut(line) };
  }

  /** Takes out all that waits. */
  drain(): T[] {
    const left = [...this.lines.values()].flatMap(({ waiting }) => waiting.splice(0));
    this.ready.clear();
    this.waiting.clear();
    this.count = 0;
    return left;
  }

  private sizeOf(tenantId: string): number {
    return this.waiting.get(tenantId) ?? 0;
  }

  private add(tenantId: string, items: number): void {
    this.count += items;
    const left = this.sizeOf(tenantId) + items;
    if (left > 0) this.waiting.set(tenantId, left);
    else this.waiting.delete(tenantId);
  }

  private end(line: Line<T>): void {
    line.underWay--;
    line.limit = Math.min(mostLimit, line.limit + 1);
    this.settle(line);
  }

  private takeOut(line: Line<T>): T[] {
    const taken = line.waiting.splice(0);
    this.add(line.tenantId, -taken.length);
    line.limit = firstLimit;
    this.settle(line);
    return taken;
  }

  /** Puts the webhook at the end of its tenant's turn, or out of it. */
  private settle(line: Line<T>): void {
    const { tenantId, webhookId, waiting, underWay, limit } = line;
    const webhooks = this.ready.get(tenantId);
    if (waiting.length > 0 && underWay < limit) {
      if (webhooks) webhooks.set(webhookId, line);
      else this.ready.set(tenantId, new Map([[webhookId, line]]));
      return;
    }
    webhooks?.delete(webhookId);
    if (webhooks?.size === 0) this.ready.delete(tenantId);
    if (waiting.length === 0 && underWay === 0) this.lines.delete(webhookId);
  }
}
