/**
 * A smaller input for which `fails` still holds: takes stretches away, long ones first, as long as that works.
 * @param most how many inputs may be tried
 */
export async function minimise(
  bytes: Buffer,
  fails: (bytes: Buffer) => Promise<boolean>,
  most: number,
): Promise<Buffer> {
  let smallest = bytes;
  let tried = 0;
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && tried < most;) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      tried++;
      if (await fails(candidate)) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}
