import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlushTurn } from './flush-turn.ts';
import { HeldBytes, type Holder } from './held-bytes.ts';

class Client implements Holder {
  heldBytes = 0;
  isEnded = false;
  private readonly all: HeldBytes;

  constructor(all: HeldBytes) {
    this.all = all;
    all.add(this);
  }

  hold(bytes: number): void {
    this.heldBytes += bytes;
    this.all.change(bytes);
  }

  endForHolding(): void {
    this.isEnded = true;
    this.all.delete(this);
    this.hold(-this.heldBytes);
  }
}

function bounded(most: number): { readonly all: HeldBytes; readonly endTurn: () => void } {
  const callbacks: (() => void)[] = [];
  const turn = new FlushTurn(
    (callback) => callbacks.push(callback),
    (error) => assert.fail(String(error)),
  );
  return { all: new HeldBytes(most, turn), endTurn: () => callbacks.splice(0).forEach((callback) => callback()) };
}

test('whoever holds most is ended, until the others are within the bound, and not before the turn is over', () => {
  const { all, endTurn } = bounded(100);
  const [small, large, larger] = [new Client(all), new Client(all), new Client(all)];
  small.hold(20);
  large.hold(60);
  endTurn();
  larger.hold(90);
  assert.deepEqual(
    [small, large, larger].map(({ isEnded }) => isEnded),
    [false, false, false],
  );
  endTurn();
  assert.deepEqual(
    [small, large, larger].map(({ isEnded }) => isEnded),
    [false, false, true],
  );
  assert.equal(all.total, 80);
  large.hold(100);
  endTurn();
  assert.deepEqual([small.isEnded, large.isEnded, all.total], [false, true, 20]);
});

test('what is let go within the turn ends nobody', () => {
  const { all, endTurn } = bounded(100);
  const client = new Client(all);
  client.hold(150);
  client.hold(-60);
  endTurn();
  assert.equal(client.isEnded, false);
});

test('without a bound nobody is ended', () => {
  const { all, endTurn } = bounded(0);
  const client = new Client(all);
  client.hold(2 ** 40);
  endTurn();
  assert.equal(client.isEnded, false);
});
