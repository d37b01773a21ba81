/**
 * Reads an OpenAPI document from standard input and prints what Redocly's linter has to say, as JSON. A process
 * of its own, because the linter comes as ES modules only, which Jest cannot load.
 */
import { text } from 'node:stream/consumers';
import { createConfig, lintFromString } from '@redocly/openapi-core';

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // Health is being alive: nothing of the client's can be wrong with it.
    'operation-4xx-response': 'off',
    // An id is never `webhook`, which is all that could make two of our paths the same.
    'no-ambiguous-paths': 'off',
    'operation-operationId-url-safe': 'error',
    'tag-description': 'error',
    'no-invalid-schema-examples': 'error',
    'no-invalid-parameter-examples': 'error',
    'parameter-description': 'error',
  },
});
const source = await text(process.stdin);
const problems = await lintFromString({ source, config, absoluteRef: '/openapi.json' });
const told = problems.map(({ ruleId, message, location }) => `${ruleId} at ${location[0]?.pointer}: ${message}`);
process.stdout.write(JSON.stringify(told));
