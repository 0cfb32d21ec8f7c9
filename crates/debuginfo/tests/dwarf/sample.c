struct point { int x, y; unsigned flag : 3; unsigned rest : 5; };
enum color { RED, GREEN = 5 };
struct node { struct node *next; struct point at; char name[8]; long grid[2][3]; enum color color; };
typedef struct node node_t;

node_t first = { .name = "first" };
static volatile int sink;

static inline __attribute__((always_inline)) int twice(int value)
{
	int doubled = value * 2;
	sink = doubled;		/* TWICE */
	return doubled;
}

__attribute__((noinline)) int outer(node_t *node, int count)
{
	int sum = count;
	char buffer[16];
	for (int i = 0; i < 8; i++)
		buffer[i] = node->name[i] + count;
	sink = buffer[count & 15];
	sum += twice(node->at.x);	/* CALL */
	return sum + sink;	/* RETURN */
}

int main(int argc, char **argv)
{
	return outer(&first, 5) + 1;
}
