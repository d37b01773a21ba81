/**
 * The values of a label that others choose, as tenants do the types of their events. Each new one opens time series
 * in Prometheus, so that all beyond the first so many share one.
 */
export class BoundedLabel {
  private readonly known = new Set<string>();

  constructor(private readonly limit: number) {}

  of(value: string): string {
    if (!this.known.has(value)) {
      if (this.known.size >= this.limit) return 'other';
      this.known.add(value);
    }
    return value;
  }
}
