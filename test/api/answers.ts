/** What every refusal has in common, whatever the route, so that a test names only what is its own. */
import type { ApiAnswer } from '../support/system';

/** @param field of the request that the answer must name, when it must name one */
export function expectRefusal(answer: ApiAnswer, status: number, code: string, field?: string): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: {
      data: null,
      error: expect.objectContaining({
        code,
        message: expect.stringMatching(/\S/),
        ...(field !== undefined && { field }),
      }),
      pagination: null,
    },
  });
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
}

/** The envelope of an answer that brings one thing. */
export function expectData(answer: ApiAnswer, status: number): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { data: expect.anything(), error: null, pagination: null },
  });
}
