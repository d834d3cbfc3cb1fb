/** A file of tests as its schemas let it be. */
import type { Infer } from '../../sdk/schema.ts';
import type { headSchema, testSchema } from './case-schema.ts';

type Offered<T> = { readonly [K in keyof T]?: T[K] | undefined };

export type CaseHead = Infer<typeof headSchema>;
export type CaseTest = Omit<Infer<typeof testSchema>, 'times' | 'steps'> & {
  readonly times?: number;
  readonly steps?: readonly CaseStep[];
};
export type CaseStep = Offered<NonNullable<Infer<typeof testSchema>['steps']>[number]>;
export type CaseRequest = NonNullable<CaseStep['request']>;
export type CaseExpectation = NonNullable<CaseStep['expect']>;
export type ExpectedAnswer = Exclude<CaseExpectation, number>;
