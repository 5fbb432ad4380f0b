/**
 * Deadlines of one process in one binary heap, ordered by monotonic time and then by order of arrival.
 * Removal is lazy: a stopped entry stays until it comes to the top, or until most of the heap may be such entries (steps
 * with a long timeout that end soon leave one each): then all of them are taken out at once.
 */

export interface TimerEntry {
  readonly dueMonotonic: number;
  readonly order: number;
  fire: (() => void) | null;
}

/** Heaps smaller than this are left as they are. */
const leastSize = 1_024;

export class TimerHeap {
  #heap: TimerEntry[] = [];
  #order = 0;
  /** Size at which stopped entries are looked for: twice what was left the last time, so that looking costs little. */
  #sweepAt = leastSize;

  /** Entries it holds, stopped ones included. */
  get held(): number {
    return this.#heap.length;
  }

  add(dueMonotonic: number, fire: () => void): TimerEntry {
    const entry: TimerEntry = { dueMonotonic, order: this.#order++, fire };
    if (this.#heap.length >= this.#sweepAt) this.#sweep();
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    return entry;
  }

  /** The earliest entry that still counts. */
  peek(): TimerEntry | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.fire !== null) return top;
      this.#pop();
    }
    return undefined;
  }

  /** Takes the earliest entry if it is due. */
  takeDue(monotonic: number): TimerEntry | undefined {
    const top = this.peek();
    return top !== undefined && top.dueMonotonic <= monotonic ? this.#pop() : undefined;
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((entry) => entry.fire !== null);
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index--) this.#down(index);
    this.#sweepAt = Math.max(leastSize, 2 * this.#heap.length);
  }

  #pop(): TimerEntry | undefined {
    const top = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return top;
  }

  #up(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      let smallest = index;
      if (left < this.#heap.length && this.#before(left, smallest)) smallest = left;
      if (left + 1 < this.#heap.length && this.#before(left + 1, smallest)) smallest = left + 1;
      if (smallest === index) return;
      this.#swap(index, smallest);
      index = smallest;
    }
  }

  #before(a: number, b: number): boolean {
    const first = this.#heap[a];
    const second = this.#heap[b];
    if (first === undefined || second === undefined) return false;
    return (
      first.dueMonotonic < second.dueMonotonic ||
      (first.dueMonotonic === second.dueMonotonic && first.order < second.order)
    );
  }

  #swap(a: number, b: number): void {
    const first = this.#heap[a];
    const second = this.#heap[b];
    if (first === undefined || second === undefined) return;
    this.#heap[a] = second;
    this.#heap[b] = first;
  }
}
