/**
 * Internet addresses and CIDR blocks from a configuration, as the gateway itself reads them. Check in `check`, create in
 * `create`; a look-up takes logarithmic time. Of long lists, `addressSetSteps` belongs in `prepare`.
 */
export { addressSetSteps, checkCidr, createAddressSet, networkOf } from '../router/cidr.ts';
export type { AddressSet } from '../router/cidr.ts';
